#!/usr/bin/python
"""Take the open operation of an edge on to its next state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: operation
short_description: The open operation of an edge
description:
  - Pauses an operation, or closes it when it was recorded.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  state:
    description: paused waits for an answer; recorded closes it.
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
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import fence, files, operation


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["paused", "recorded"], "required": True},
            "id": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
        },
    )
    params = module.params
    try:
        fence.check(params["fence"])
        moved = operation.OperationFile().move(params["id"], params["state"])
    except (operation.Illegal, fence.Overtaken, files.CorruptFile, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=moved, state=params["state"])


if __name__ == "__main__":
    main()
