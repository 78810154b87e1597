#!/usr/bin/python
"""Add entries to the ledger of an edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_append
short_description: Append to the ledger of an edge
description:
  - Appends what the file does not have; an entry is on the disk when this returns.
  - An entry that lacks something, or holds what it cannot, is refused and nothing is written.
author: The Dash founders
options:
  entries:
    description: The entries, in the form of docs/architecture.md.
    type: list
    required: true
    elements: dict
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Record it
  dash.platform.ledger_append:
    entries: ["{{ release_written.entry }}"]
    fence: 7
"""

RETURN = r"""
appended:
  description: How many entries were new.
  type: int
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, ledger


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Append. Raises Fault."""
    fence.check(params["fence"])
    appended = ledger.append(ledger.path(), params["entries"])
    return {"changed": bool(appended), "appended": appended}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "entries": {"type": "list", "elements": "dict", "required": True},
            "fence": {"type": "int", "required": True},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
