#!/usr/bin/python
"""Report all that a release operation must know of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_facts
short_description: Facts of a host of a stack
description:
  - One call for all that a release operation asks of a host; changes nothing.
  - Never fails for a thing that is down, it says that it is. Fails for a file of ours that does not
    hold what it should, because nothing may be decided on it.
author: The Dash founders
options:
  role:
    description: What the host is.
    type: str
    required: true
    choices: [edge, app, db]
  address:
    description: Where the service listens on an app host.
    type: str
    default: 127.0.0.1
"""

EXAMPLES = r"""
- name: Look
  dash.platform.release_facts:
    role: app
    address: 10.89.50.21
  register: release_facts
"""

RETURN = r"""
role:
  description: As asked.
  type: str
  returned: success
fence:
  description: Highest fencing number seen by this host.
  type: int
  returned: success
clock:
  description: The host's clock, in seconds since the epoch.
  type: float
  returned: success
disk_free_mib:
  description: MiB left where releases and state lie, the smaller of the two.
  type: int
  returned: success
active:
  description: The colour of the map file, or none.
  type: str
  returned: role is edge
map:
  description: The colour that the running HAProxy uses.
  type: str
  returned: role is edge and HAProxy answers
haproxy_active:
  description: Whether HAProxy answers; O(ignore:why) says why not.
  type: bool
  returned: role is edge
backends:
  description: By colour how many servers are up, how many there are, sessions, state by server.
  type: dict
  returned: role is edge
  sample: {blue: {up: 1, servers: 1, sessions: 0, states: {app-blue-1: UP}}}
lease:
  description: The lease, also one that ran out, or null.
  type: dict
  returned: role is edge
operation:
  description: The open operation, or null.
  type: dict
  returned: role is edge
certificate_days:
  description: For how many days the certificate is good; 0 when it cannot be read.
  type: float
  returned: role is edge
ledger:
  description: The newest 200 entries, oldest first.
  type: list
  elements: dict
  returned: role is edge or db
releases:
  description: Version, digest and completeness of every unpacked release.
  type: list
  elements: dict
  returned: role is app
artifacts:
  description: File names of the kept archives.
  type: list
  elements: str
  returned: role is app
current:
  description: Version, digest and config_hash that the links name, or null.
  type: dict
  returned: role is app
unit:
  description: What systemd says of dash-app.service.
  type: str
  returned: role is app
ready:
  description: Whether /readyz answers 200.
  type: bool
  returned: role is app
checks:
  description: The named checks of /readyz.
  type: dict
  returned: role is app
running:
  description: The version that answered, empty when none did.
  type: str
  returned: role is app
reachable:
  description: Whether the database answers; O(ignore:why) says why not.
  type: bool
  returned: role is db
migrations:
  description: Id and class of every applied migration, oldest first.
  type: list
  elements: dict
  returned: role is db and it answers
free_connections:
  description: How many more connections the server takes.
  type: int
  returned: role is db and it answers
why:
  description: What is down, in one line.
  type: str
  returned: something is down
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, facts, fence


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Look. Raises Fault."""
    role = params["role"]
    found = {
        "edge": facts.of_edge,
        "app": lambda: facts.of_app(params["address"]),
        "db": facts.of_db,
    }[role]()
    return {
        "changed": False,
        "role": role,
        "fence": fence.seen(),
        "clock": time.time(),
        "disk_free_mib": facts.disk_free_mib(),
        **found,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "choices": ["edge", "app", "db"], "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
        },
        supports_check_mode=True,
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
