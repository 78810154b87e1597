#!/usr/bin/python
"""Carry ledger entries from the edges to the database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_carry
short_description: Carry the ledger to PostgreSQL
description:
  - Inserts what C(ops.ledger) does not have, all of it or nothing, as role dash_ops over the local
    socket. Nothing is ever changed or removed there.
  - Fails with one line when the database does not answer; the edges keep the entries.
author: The Dash founders
options:
  entries:
    description: The entries, in the form of docs/architecture.md.
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
    entries: "{{ release_written.uncarried }}"
"""

RETURN = r"""
inserted:
  description: How many entries were new.
  type: int
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, ledger, opsdb


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Insert. Raises Fault."""
    for entry in params["entries"]:
        ledger.check(entry)
    with opsdb.connect(params["database"]) as connection:
        inserted = opsdb.carry(connection, params["entries"])
    return {"changed": bool(inserted), "inserted": inserted}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "entries": {"type": "list", "elements": "dict", "required": True},
            "database": {"type": "str", "default": "dash"},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
