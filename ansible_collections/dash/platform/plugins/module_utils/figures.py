"""What an edge knows of releases, as figures: `python3 -m …figures --out DIR` until it is ended.

The node exporter reads the file (dash-edge-figures.service); docs/reference/metrics.md lists them.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import (
    fence,
    files,
    history,
    ledger,
)
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line
from ansible_collections.dash.platform.plugins.module_utils.haproxy import HaproxyError
from ansible_collections.dash.platform.plugins.module_utils.lease import LeaseFile
from ansible_collections.dash.platform.plugins.module_utils.switch import Edge

if TYPE_CHECKING:
    from collections.abc import Iterable

COLORS = ("blue", "green")
FILE = "dash_edge.prom"
CONFIG_LETTERS = 12  # of the hash of settings; the service (app/settings.py) tells as many
WORDS = {
    "dash_edge_active": "Whether the map file sends clients to a colour",
    "dash_edge_map_differs": "Whether HAProxy runs another colour than the map file says",
    "dash_fence": "The highest fencing number seen",
    "dash_lease_held": "Whether somebody holds the lease",
    "dash_operation_open": "The open operation",
    "dash_operation_begun_timestamp_seconds": "When the open operation began",
    "dash_release_operations_total": "Operations in the ledger, by how they ended",
    "dash_release_requests_total": "Requests that probers sent during operations",
    "dash_release_failed_requests_total": "Those that failed",
    "dash_release_info": "What the ledger says serves",
    "dash_release_last_timestamp_seconds": "When the last operation that was done ended",
}
Sample = tuple[str, dict[str, str], float]


def look() -> list[Sample]:
    """Return what this edge knows now. Raises CorruptFile."""
    edge = Edge()
    active, lease = edge.active(), LeaseFile()
    try:
        differs = float(edge.running() != active)
    except HaproxyError:
        differs = 0.0  # it does not run at all, which other figures tell
    return [
        *(("dash_edge_active", {"color": c}, float(c == active)) for c in COLORS),
        ("dash_edge_map_differs", {}, differs),
        ("dash_fence", {}, float(fence.seen())),
        ("dash_lease_held", {}, float(not lease.is_free(lease.current()))),
        *_open(edge.operation.current()),
        *of_ledger(ledger.read(ledger.path(), ledger.KNOWN)),
    ]


def _open(operation: dict[str, Any] | None) -> list[Sample]:
    if operation is None:
        return []
    labels = {"kind": str(operation.get("kind", "")), "state": str(operation["state"])}
    begun = _seconds(operation.get("started_at"))
    return [
        ("dash_operation_open", labels, 1.0),
        ("dash_operation_begun_timestamp_seconds", labels, begun),
    ]


def of_ledger(entries: Iterable[ledger.Entry]) -> list[Sample]:
    """Return counts over the ledger: an operation counts as it ended last."""
    ended = {entry.get("id"): entry for entry in entries}
    counts = {(k, o): 0 for k in ledger.KINDS for o in ledger.OUTCOMES}
    sent = failed = last = 0.0
    for entry in ended.values():
        key = str(entry.get("kind")), str(entry.get("outcome"))
        counts[key] = counts.get(key, 0) + 1
        prober = entry.get("prober") or {}
        sent += float(prober.get("sent") or 0)
        failed += float(prober.get("failed") or 0)
        if entry.get("outcome") == "done":
            last = max(last, _seconds(entry.get("at")))
    return [
        *(
            ("dash_release_operations_total", {"kind": kind, "outcome": outcome}, float(n))
            for (kind, outcome), n in counts.items()
        ),
        ("dash_release_requests_total", {}, sent),
        ("dash_release_failed_requests_total", {}, failed),
        *_serving(list(ended.values())),
        ("dash_release_last_timestamp_seconds", {}, last),
    ]


def _serving(ended: list[ledger.Entry]) -> list[Sample]:
    """Return the release that went into service last."""
    served = history.served(ledger.merge(ended))
    if not served:
        return []
    labels = {key: str(served[-1][key]) for key in ("color", "version")}
    config = str(served[-1]["config_hash"])[:CONFIG_LETTERS]
    return [("dash_release_info", {**labels, "config": config}, 1.0)]


def _seconds(moment: object) -> float:
    """Return a moment, as files of ours have it, in seconds; 0 for what is none."""
    if isinstance(moment, int | float):
        return float(moment)
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return 0.0


def text(samples: Iterable[Sample]) -> str:
    """Return samples as Prometheus reads them. Labels are words of ours, without quotes."""
    lines: list[str] = []
    told: set[str] = set()
    for name, labels, value in samples:
        if name not in told:
            told.add(name)
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {WORDS[name]}", f"# TYPE {name} {kind}"]
        inner = ",".join(f'{key}="{word}"' for key, word in labels.items())
        lines.append(f"{name}{{{inner}}} {value:.15g}" if inner else f"{name} {value:.15g}")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Write the file again and again; what cannot be read is said once."""
    parser = argparse.ArgumentParser(prog="figures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args(argv)
    said = ""
    while True:
        try:
            files.atomic_write(options.out / FILE, text(look()), 0o644)
            wrong = ""
        except (Fault, OSError) as error:
            wrong = one_line(error)
        if wrong and wrong != said:
            sys.stderr.write(f"{wrong}\n")
        said = wrong
        if options.once:
            return 1 if wrong else 0
        time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main())
