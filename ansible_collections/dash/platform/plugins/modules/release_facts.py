#!/usr/bin/python
"""Report all that a release operation must know of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_facts
short_description: Facts of a host of a stack
description:
  - Never fails for a thing that is down; it says that it is.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  role:
    description: edge, app or db.
    type: str
    required: true
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
"""

RETURN = r"""
fence:
  description: Highest fencing number seen by this host.
  type: int
  returned: always
"""

import shutil
import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import (
    fence,
    files,
    haproxy,
    lease,
    ledger,
    opsdb,
    releases,
    service,
    switch,
)

CERTIFICATE = "/etc/haproxy/certs/edge.pem"
DAY = 86400


def certificate_days(path: str = CERTIFICATE) -> float:
    """Return for how many days the edge's certificate is good; 0 when it cannot be read."""
    done = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-enddate"],
                          capture_output=True, text=True, check=False, timeout=10)
    text = done.stdout.partition("=")[2].strip().removesuffix(" GMT")
    try:
        ends = time.mktime(time.strptime(text, "%b %d %H:%M:%S %Y")) - time.timezone
    except ValueError:
        return 0.0
    return round((ends - time.time()) / DAY, 1)


def of_edge() -> dict[str, Any]:
    """Return what an edge knows."""
    edge = switch.Edge()
    found: dict[str, Any] = {
        "active": edge.active(),
        "lease": lease.LeaseFile().current(),
        "operation": edge.operation.current(),
        "ledger": ledger.read(ledger.path()),
        "certificate_days": certificate_days(),
        "backends": {},
    }
    try:
        for color in ("blue", "green"):
            seen = edge.runtime.backend(f"app_{color}")
            found["backends"][color] = {"up": seen.up, "servers": seen.servers}
        found["haproxy_active"] = True
        found["map"] = edge.runtime.map_value(str(switch.MAP), "active")
    except haproxy.HaproxyError as error:
        found.update(haproxy_active=False, why=str(error))
    return found


def of_app(address: str) -> dict[str, Any]:
    """Return what an app host has and runs."""
    host = releases.Host()
    archives = sorted(p.name for p in host.artifacts.glob("*.tar.zst"))
    return {
        "releases": host.known(),
        "artifacts": archives,
        "current": host.current(),
        "unit": service.state(),
        "ready": not service.wrong(address),
    }


def of_db() -> dict[str, Any]:
    """Return whether the database answers, and what it has applied and recorded."""
    try:
        with opsdb.connect("dash") as connection:
            return {"reachable": True, "migrations": opsdb.migrations(connection),
                    "ledger": opsdb.ledger(connection)}
    except opsdb.Unreachable as error:
        return {"reachable": False, "why": str(error), "ledger": []}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
        },
        supports_check_mode=True,
    )
    role = module.params["role"]
    try:
        found = {
            "role": role,
            "fence": fence.seen(),
            "clock": time.time(),
            "disk_free_mib": shutil.disk_usage("/var/lib").free // 2**20,
            **(of_edge() if role == "edge" else of_app(module.params["address"])
               if role == "app" else of_db()),
        }
    except (files.CorruptFile, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
