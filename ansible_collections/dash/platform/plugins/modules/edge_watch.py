#!/usr/bin/python
"""Watch what the clients of an edge get from the new colour."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_watch
short_description: Watch an edge after a switch
description:
  - Reads HAProxy's counters of the colour's backend once a second and holds them against one
    percent, or what the old colour is known to fail, whichever is more.
  - Takes the edge back at once, and fails, when the colour is surely worse (from 20 requests on),
    or has no server, or HAProxy does not answer, for two seconds.
  - Without requests the verdict is V(inconclusive), which does not fail.
author: The Dash founders
options:
  color:
    description: The new colour.
    type: str
    required: true
    choices: [blue, green]
  id:
    description: The operation's id.
    type: str
    required: true
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
  seconds:
    description: How long to watch.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Watch for a minute
  dash.platform.edge_watch:
    color: green
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    fence: 7
    seconds: 60
"""

RETURN = r"""
judged:
  description: The verdict (pass, fail or inconclusive), n, failures and why.
  type: dict
  returned: always
  sample: {verdict: pass, n: 812, failures: 0, upper_bound: 0.0037, why: 0 of 812 requests failed}
reverted:
  description: Whether this took the edge back.
  type: bool
  returned: failure
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, switch, watching


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Watch, and go back when it is bad. Raises Fault."""
    fence.check(params["fence"])
    edge = switch.Edge()
    held = edge.operation.current() or {}
    previous = str(held.get("switched_from", ""))
    watch = watching.Watch(edge, params["id"], params["color"], previous)
    judged = watch.run(params["seconds"])
    if judged["verdict"] == "fail":
        back = edge.revert(params["id"])
        raise errors.Fault(f"clients of this edge: {judged['why']}", judged=judged, reverted=back)
    return {"changed": False, "judged": judged}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "color": {"type": "str", "choices": ["blue", "green"], "required": True},
            "id": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
            "seconds": {"type": "float", "required": True},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
