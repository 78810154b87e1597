#!/usr/bin/python
"""Take the open operation of an edge on to its next state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: operation
short_description: The open operation of an edge
description:
  - Pauses an operation that waits for an answer, or closes one that was recorded. What moves the
    traffic is M(dash.platform.edge_switch).
  - Nothing happens when another operation is open, or none.
author: The Dash founders
options:
  state:
    description: V(paused) waits for an answer; V(recorded) closes it.
    type: str
    required: true
    choices: [paused, recorded]
  id:
    description: The operation's id.
    type: str
    required: true
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Close it
  dash.platform.operation:
    state: recorded
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    fence: 7
"""

RETURN = r"""
state:
  description: The state it has now.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence
from ansible_collections.dash.platform.plugins.module_utils.operation import OperationFile


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Move the operation on. Raises Fault."""
    fence.check(params["fence"])
    held = OperationFile()
    with held.locked():
        moved = held.move(params["id"], params["state"])
    return {"changed": moved, "state": params["state"]}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["paused", "recorded"], "required": True},
            "id": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
