#!/usr/bin/python
"""Take, renew or give back the lease of an edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lease
short_description: The lease of an edge
description:
  - One operation at a time changes a stack. A lease that is not renewed for its TTL may be taken;
    one that is held is watched for that long, and refused when its holder gives a sign of life.
  - V(present) also takes the fencing number, which no other operation may have taken, and, given an
    O(operation), opens it; one that is open already must be settled first.
author: The Dash founders
options:
  state:
    description: V(present) takes it, V(renewed) renews it once, V(absent) gives it back.
    type: str
    required: true
    choices: [present, absent, renewed]
  id:
    description: The lease id, that of the operation.
    type: str
    required: true
  holder:
    description: "Who takes it: user, host, pid, boot_id, pid_start."
    type: dict
  kind:
    description: What for.
    type: str
  fence:
    description: The fencing number, larger than any that a host has seen.
    type: int
  ttl:
    description: Seconds after which it is free when nobody renews it.
    type: float
    default: 30
  holder_is_dead:
    description: Id of a lease whose holder ran on the caller's machine and is gone; not waited for.
    type: str
  operation:
    description: The operation to open together with the lease.
    type: dict
"""

EXAMPLES = r"""
- name: Take the lease and open a deploy
  dash.platform.lease:
    state: present
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    kind: deploy
    fence: 7
    holder: {user: ann, host: laptop, pid: 4711, boot_id: 3f0c, pid_start: 8160}
    operation: {from_color: blue, to_color: green, version: 0.2.0}

- name: Give it back
  dash.platform.lease:
    state: absent
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
"""

RETURN = r"""
acquired:
  description: Whether the lease is ours.
  type: bool
  returned: state is present
waited_s:
  description: Seconds waited for a lease that ran out.
  type: float
  returned: state is present
fence_seen:
  description: The highest fencing number of this host before.
  type: int
  returned: state is present
previous:
  description: The operation that was open before, one that waited for an answer, or null.
  type: dict
  returned: state is present
expires_at:
  description: When it runs out, in seconds since the epoch.
  type: float
  returned: state is renewed
holder:
  description: Who holds it.
  type: dict
  returned: it is held by another
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, lease
from ansible_collections.dash.platform.plugins.module_utils.operation import OperationFile

LEASE = ("id", "holder", "kind", "fence")


def take(params: dict[str, Any]) -> dict[str, Any]:
    """Take the lease and open the operation. Raises Fault."""
    held, open_operation = lease.LeaseFile(ttl=params["ttl"]), OperationFile()
    seen, previous = fence.seen(), open_operation.current()

    def may_begin() -> None:
        if params["operation"] is not None:
            open_operation.check_free(params["id"])
        fence.claim(params["fence"])

    waited = held.acquire(
        {key: params[key] for key in LEASE}, dead=params["holder_is_dead"] or "", first=may_begin
    )
    if params["operation"] is not None:
        opened = {**params["operation"], **{key: params[key] for key in LEASE}}
        with open_operation.locked():
            open_operation.begin(opened)
    return {
        "changed": True,
        "acquired": True,
        "waited_s": round(waited, 1),
        "fence_seen": seen,
        "previous": previous,
    }


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Do what `state` says. Raises Fault."""
    if params["state"] == "present":
        return take(params)
    held = lease.LeaseFile(ttl=params["ttl"])
    if params["state"] == "renewed":
        return {"changed": True, "expires_at": held.renew(params["id"])}
    return {"changed": held.release(params["id"])}


def main() -> None:
    """Run the module."""
    states = ["present", "absent", "renewed"]
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": states, "required": True},
            "id": {"type": "str", "required": True},
            "holder": {"type": "dict"},
            "kind": {"type": "str"},
            "fence": {"type": "int"},
            "ttl": {"type": "float", "default": lease.TTL},
            "holder_is_dead": {"type": "str"},
            "operation": {"type": "dict"},
        },
        required_if=[("state", "present", ("holder", "kind", "fence"))],
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
