#!/usr/bin/python
"""Move the traffic of an edge, confirm it, or go back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_switch
short_description: The traffic switch of an edge
description:
  - Writes the map file, tells the running HAProxy, and arms the timer that goes back.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  state:
    description: switched moves the traffic; confirmed disarms the timer; reverted goes back.
    type: str
    required: true
    choices: [switched, confirmed, reverted]
  color:
    description: The colour to serve.
    type: str
    required: true
  id:
    description: The operation's id.
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
- name: Move the traffic
  dash.platform.edge_switch:
    state: switched
    color: green
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    fence: 7
"""

RETURN = r"""
took_ms:
  description: Milliseconds that the switch took.
  type: float
  returned: state is switched
at:
  description: When, in seconds since the epoch.
  type: float
  returned: state is switched
"""

import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import (
    fence,
    files,
    haproxy,
    operation,
    switch,
)


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Do what `state` says. Raises what the shared code raises."""
    fence.check(params["fence"])
    edge = switch.Edge()
    if params["state"] == "confirmed":
        return {"changed": edge.confirm(params["id"])}
    if params["state"] == "reverted":
        return {"changed": edge.revert(params["id"]), "active": edge.active()}
    took = edge.switch(params["id"], params["color"], confirm_within=params["confirm_within"],
                       wait_up=params["wait_up"])
    return {"changed": True, "color": params["color"], "took_ms": round(took, 1),
            "at": time.time()}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["switched", "confirmed", "reverted"],
                      "required": True},
            "color": {"type": "str", "required": True},
            "id": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
            "confirm_within": {"type": "float", "default": 120},
            "wait_up": {"type": "float", "default": 10},
        },
    )
    try:
        module.exit_json(**run(module.params))
    except (haproxy.HaproxyError, operation.Illegal, fence.Overtaken, files.CorruptFile,
            subprocess.SubprocessError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
