"""What a host of a stack knows of itself; what is down is said, not raised."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import (
    haproxy,
    ledger,
    opsdb,
    paths,
    service,
)
from ansible_collections.dash.platform.plugins.module_utils.lease import LeaseFile
from ansible_collections.dash.platform.plugins.module_utils.releases import Host
from ansible_collections.dash.platform.plugins.module_utils.switch import Edge

if TYPE_CHECKING:
    from pathlib import Path

Facts = dict[str, Any]

DAY = 86400
COLORS = ("blue", "green")
DATABASE = "dash"


def disk_free_mib() -> int:
    """Return how many MiB are left where releases and state lie, the smaller of the two."""
    there = [p for p in (paths.OPT, paths.STATE) if p.exists()] or [paths.STATE.parent]
    return min(shutil.disk_usage(p).free for p in there) // 2**20


def certificate_days(path: Path | None = None) -> float:
    """Return for how many days a certificate is good; 0 when it cannot be read."""
    words = ["openssl", "x509", "-in", str(path or paths.CERTIFICATE), "-noout", "-enddate"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)
        ends = ssl.cert_time_to_seconds(done.stdout.partition("=")[2].strip())
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return 0.0
    return round((ends - time.time()) / DAY, 1)


def of_edge() -> Facts:
    """Return what an edge knows. Raises CorruptFile."""
    edge = Edge()
    found: Facts = {
        "active": edge.active(),
        "lease": LeaseFile().current(),
        "operation": edge.operation.current(),
        "ledger": ledger.read(ledger.path()),
        "certificate_days": certificate_days(),
        "backends": {},
        "haproxy_active": False,
    }
    try:
        found["map"] = edge.running()
        found["haproxy_active"] = True
        for color in COLORS:
            seen = edge.runtime.backend(f"app_{color}")
            found["backends"][color] = {
                "up": seen.up,
                "servers": seen.servers,
                "sessions": seen.sessions,
                "states": seen.states,
            }
    except haproxy.HaproxyError as error:
        found["why"] = str(error)
    return found


def of_app(address: str) -> Facts:
    """Return what an app host has and runs. Raises CorruptFile."""
    host = Host()
    answer = service.ask(address)
    return {
        "releases": host.known(),
        "artifacts": sorted(p.name for p in host.artifacts.glob("dash-*.tar.zst")),
        "current": host.current(),
        "unit": service.state(),
        "ready": not answer.why,
        "checks": answer.checks,
        "running": answer.version,
        **({"why": answer.why} if answer.why else {}),
    }


def of_db() -> Facts:
    """Return whether the database answers, and what it has applied and recorded."""
    try:
        with opsdb.connect(DATABASE) as connection:
            return {
                "reachable": True,
                "migrations": opsdb.migrations(connection),
                "ledger": opsdb.ledger(connection),
                "free_connections": opsdb.free_connections(connection),
            }
    except opsdb.Unreachable as error:
        return {"reachable": False, "why": str(error), "ledger": []}
