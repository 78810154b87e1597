#!/usr/bin/python
"""Take the open operation of an edge on to its next state, and write down how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: operation
short_description: The open operation of an edge
description:
  - Pauses an operation that waits for an answer, or closes one that has ended. What moves the
    traffic is M(dash.platform.edge_switch).
  - "What ended is in the ledger before it is closed, and closed before the lease is given back:
    whatever is cut off, the next command finds what it has to settle."
  - No operation is moved when another one is open, or none.
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
  entries:
    description:
      - Entries for the ledger, in the form of docs/architecture.md; those it has are left out.
      - One that lacks something, or holds what it cannot, is refused and nothing is changed.
    type: list
    default: []
    elements: dict
  lease:
    description: Id of the lease to give back; one that another holds stays.
    type: str
"""

EXAMPLES = r"""
- name: Record how it ended
  dash.platform.operation:
    state: recorded
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    fence: 7
    entries: ["{{ release_written.entry }}"]
    lease: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
"""

RETURN = r"""
state:
  description: The state it has now.
  type: str
  returned: success
appended:
  description: How many entries the ledger did not have.
  type: int
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, lease, ledger
from ansible_collections.dash.platform.plugins.module_utils.operation import OperationFile


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Record, move the operation on, give the lease back. Raises Fault."""
    fence.check(params["fence"])
    appended = ledger.append(ledger.path(), params["entries"]) if params["entries"] else 0
    held = OperationFile()
    with held.locked():
        if params["state"] == "paused":
            moved = held.move(params["id"], "paused")
        else:
            ended = [str(entry["outcome"]) for entry in params["entries"]]
            moved = held.record(params["id"], ended[-1] if ended else "done")
    released = params["lease"] is not None and lease.LeaseFile().release(params["lease"])
    changed = bool(appended) or moved or released
    return {"changed": changed, "state": params["state"], "appended": appended}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["paused", "recorded"], "required": True},
            "id": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
            "entries": {"type": "list", "elements": "dict", "default": []},
            "lease": {"type": "str"},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
