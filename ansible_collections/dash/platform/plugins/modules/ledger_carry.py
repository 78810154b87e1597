#!/usr/bin/python
"""Carry ledger entries from the edges to the database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_carry
short_description: Carry the ledger to PostgreSQL
description:
  - Inserts what ops.ledger does not have, as role dash_ops over the local socket.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  entries:
    description: The entries.
    type: list
    required: true
    elements: dict
  database:
    description: The database.
    type: str
    default: dash
"""

EXAMPLES = r"""
- name: Carry it
  dash.platform.ledger_carry:
    entries: []
"""

RETURN = r"""
inserted:
  description: How many entries were new.
  type: int
  returned: always
"""

import json

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import ledger, opsdb

INSERT = """
INSERT INTO ops.ledger (id, at, outcome, entry) VALUES (%s, %s, %s, %s)
ON CONFLICT (id, outcome) DO NOTHING
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "entries": {"type": "list", "elements": "dict", "required": True},
            "database": {"type": "str", "default": "dash"},
        },
    )
    inserted = 0
    try:
        for entry in module.params["entries"]:
            ledger.check(entry)
        with opsdb.connect(module.params["database"]) as connection:
            for entry in module.params["entries"]:
                row = (entry["id"], entry["at"], entry["outcome"], json.dumps(entry))
                inserted += connection.execute(INSERT, row).rowcount
    except (ledger.BadEntry, opsdb.Unreachable) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(inserted), inserted=inserted)


if __name__ == "__main__":
    main()
