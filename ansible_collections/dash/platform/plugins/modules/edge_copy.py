#!/usr/bin/python
"""Make a new edge a copy of the one that serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_copy
short_description: Hand an edge's state to a new edge
description:
  - V(given) reads the active colour, the open operation and the ledger; changes nothing.
  - V(taken) writes them on an edge that has none of it. A switch that is open goes on to have its
    timer there as well. Both need the lease of the edge that serves, under the same O(fence).
author: The Dash founders
options:
  state:
    description: What to do.
    type: str
    required: true
    choices: [given, taken]
  document:
    description: What V(given) returned on the edge that serves, where this is V(taken).
    type: dict
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Take over what edge-1 serves
  dash.platform.edge_copy:
    state: taken
    document: "{{ edge_given.document }}"
    fence: 7
"""

RETURN = r"""
document:
  description: The colour (active), the operation or null, and the ledger's entries.
  type: dict
  returned: state is given
active:
  description: The colour that serves now.
  type: str
  returned: state is taken
said:
  description: What becomes of an open switch.
  type: str
  returned: state is taken
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, joining, switch


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Do what `state` says. Raises Fault."""
    edge = switch.Edge()
    if params["state"] == "given":
        fence.check(params["fence"])
        return {"changed": False, "document": joining.give(edge)}
    said = joining.take(edge, params["document"], params["fence"])
    return {"changed": True, "active": edge.active(), "said": said}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["given", "taken"], "required": True},
            "document": {"type": "dict"},
            "fence": {"type": "int", "required": True},
        },
        required_if=[("state", "taken", ("document",))],
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
