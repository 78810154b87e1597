#!/usr/bin/python
"""Move the traffic of an edge, confirm it, or go back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_switch
short_description: The traffic switch of an edge
description:
  - V(switched) looks whether every server of the colour is up, arms a timer that takes the edge
    back, writes the map file and tells the running HAProxy. Under a second; no request is lost.
    Beside other edges it waits up to three seconds until they are about to move as well, and from
    then on goes back when one of them does.
  - V(confirmed) takes the timer away. It fails when the edge went back by itself before that.
  - V(reverted) gives the traffic back to the colour that served before this operation's switch, and
    does nothing when this operation moved none.
  - Each is safe to run twice.
author: The Dash founders
options:
  state:
    description: What to do.
    type: str
    required: true
    choices: [switched, confirmed, reverted]
  color:
    description: The colour to serve; V(confirmed) and V(reverted) go by the operation instead.
    type: str
    required: true
    choices: [blue, green, none]
  id:
    description: The operation's id, the one that the lease was taken with.
    type: str
    required: true
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
  confirm_within:
    description: Seconds until the edge goes back by itself.
    type: float
    default: 120
  wait_up:
    description: Seconds that the servers of the colour have to be up.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Move the traffic, for good only when somebody confirms it within two minutes
  dash.platform.edge_switch:
    state: switched
    color: green
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    fence: 7
    confirm_within: 120

- name: Stay there
  dash.platform.edge_switch:
    state: confirmed
    color: green
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    fence: 7
"""

RETURN = r"""
color:
  description: The colour that serves now.
  type: str
  returned: state is switched
from_color:
  description: The colour that served before.
  type: str
  returned: state is switched
took_ms:
  description: Milliseconds from the map file to HAProxy's word that it uses the new value.
  type: float
  returned: state is switched
at:
  description: When, in seconds since the epoch.
  type: float
  returned: state is switched
active:
  description: The colour that serves now.
  type: str
  returned: state is confirmed or reverted
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, switch


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Do what `state` says. Raises Fault."""
    fence.check(params["fence"])
    edge = switch.Edge()
    if params["state"] == "confirmed":
        return {"changed": edge.confirm(params["id"]), "active": edge.active()}
    if params["state"] == "reverted":
        return {"changed": edge.revert(params["id"], told=True), "active": edge.active()}
    done = edge.switch(
        params["id"],
        params["color"],
        confirm_within=params["confirm_within"],
        wait_up=params["wait_up"],
    )
    return {
        "changed": True,
        "color": params["color"],
        "from_color": done.from_color,
        "took_ms": round(done.took_ms, 1),
        "at": time.time(),
    }


def main() -> None:
    """Run the module."""
    states = ["switched", "confirmed", "reverted"]
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": states, "required": True},
            "color": {"type": "str", "choices": ["blue", "green", "none"], "required": True},
            "id": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
            "confirm_within": {"type": "float", "default": 120},
            "wait_up": {"type": "float", "default": 10},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
