#!/usr/bin/python
"""Take, give back or look after the lease of an edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lease
short_description: The lease of an edge
description:
  - One operation at a time changes a stack.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  state:
    description: present takes it, absent gives it back.
    type: str
    required: true
    choices: [present, absent]
  id:
    description: The lease id, that of the operation.
    type: str
    required: true
  holder:
    description: Who takes it.
    type: dict
  kind:
    description: What for.
    type: str
  fence:
    description: The fencing number.
    type: int
  holder_is_dead:
    description: Id of a lease whose holder the caller knows to be gone.
    type: str
  operation:
    description: The operation to open together with the lease.
    type: dict
"""

EXAMPLES = r"""
- name: Take the lease
  dash.platform.lease:
    state: present
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    kind: deploy
    fence: 7
    holder: {user: ann, host: laptop, pid: 1, boot_id: x, pid_start: 1}
"""

RETURN = r"""
waited_s:
  description: Seconds waited for a lease that ran out.
  type: float
  returned: state is present
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import fence, files, lease
from ansible_collections.dash.platform.plugins.module_utils.operation import OperationFile


def take(params: dict[str, Any]) -> dict[str, Any]:
    """Take the lease and open the operation. Raises Busy, Overtaken or CorruptFile."""
    held = lease.LeaseFile()
    waited = held.acquire(
        {key: params[key] for key in ("id", "holder", "kind", "fence")},
        dead=params["holder_is_dead"] or "",
    )
    fence.check(params["fence"])
    if params["operation"]:
        OperationFile().begin(
            {**params["operation"], "id": params["id"], "kind": params["kind"],
             "fence": params["fence"], "holder": params["holder"]}
        )
    return {"changed": True, "waited_s": round(waited, 1)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "required": True},
            "id": {"type": "str", "required": True},
            "holder": {"type": "dict"},
            "kind": {"type": "str"},
            "fence": {"type": "int"},
            "holder_is_dead": {"type": "str"},
            "operation": {"type": "dict"},
        },
        required_if=[("state", "present", ("holder", "kind", "fence"))],
    )
    try:
        if module.params["state"] == "present":
            module.exit_json(**take(module.params))
        module.exit_json(changed=lease.LeaseFile().release(module.params["id"]))
    except (lease.Busy, fence.Overtaken, files.CorruptFile, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
