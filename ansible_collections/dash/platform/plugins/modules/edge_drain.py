#!/usr/bin/python
"""Wait until a colour has no session left on an edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_drain
short_description: Drain a colour
description:
  - New requests go to the other colour already; this waits for those under way. Changes nothing.
author: The Dash founders
options:
  color:
    description: The colour that was left.
    type: str
    required: true
    choices: [blue, green]
  seconds:
    description: How long at most.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Let blue finish
  dash.platform.edge_drain:
    color: blue
    seconds: 30
"""

RETURN = r"""
left:
  description: Sessions that were still there.
  type: int
  returned: success
drained:
  description: Whether none was.
  type: bool
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, haproxy, watching


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Wait. Raises Fault."""
    left = watching.drain(haproxy.Runtime(), params["color"], params["seconds"])
    return {"changed": False, "left": left, "drained": not left}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "color": {"type": "str", "choices": ["blue", "green"], "required": True},
            "seconds": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
