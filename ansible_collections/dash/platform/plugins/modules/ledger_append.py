#!/usr/bin/python
"""Add entries to the ledger of an edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_append
short_description: Append to the ledger of an edge
description:
  - Appends what the file does not have; an entry is on the disk when this returns.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  entries:
    description: The entries.
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
    entries: []
    fence: 7
"""

RETURN = r"""
appended:
  description: How many entries were new.
  type: int
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import fence, files, ledger


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "entries": {"type": "list", "elements": "dict", "required": True},
            "fence": {"type": "int", "required": True},
        },
    )
    try:
        fence.check(module.params["fence"])
        appended = ledger.append(ledger.path(), module.params["entries"])
    except (ledger.BadEntry, fence.Overtaken, files.CorruptFile, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(appended), appended=appended)


if __name__ == "__main__":
    main()
