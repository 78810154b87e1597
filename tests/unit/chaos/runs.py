"""Directories of runs as `chaos.control` leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ZERO = 1795900000.0  # when the fault began


def document(**changes: Any) -> dict[str, Any]:
    """Return a record of a killed database that came back."""
    return {
        "experiment": "database_killed",
        "title": "A killed database is back within 20 s",
        "group": "database",
        "weight": 4,
        "started": ZERO - 20,
        "ended": ZERO + 70,
        "fault": {"started": ZERO, "ended": ZERO + 30},
        "alerts": [
            {"name": "DatabaseDown", "fired": ZERO + 17.5, "resolved": ZERO + 41.0,
             "detection_seconds": 17.5},
        ],
        "probes": {"n": 20, "passed": 20},
        "requests": {"keepalive": {"n": 900, "failed": 0}, "post": {"n": 300, "failed": 12}},
        "in_flight_allowed": {"post": 20},
        "sockets": {"n": 10, "lost": 0},
        "streams": {"n": 5, "broken": 0},
        "recovery_seconds": 8.0,
        "after_undo_seconds": 11.0,
        "target_recovery_seconds": 20.0,
        "budget_burned": {"availability": 0.002, "agents": 0.0},
        "undone_twice": True,
        "runbook": None,
        "why": None,
        "outcome": "passed",
        "reason": None,
        "line": "passed",
        **changes,
    }  # fmt: skip


def traffic(*, failing: range = range(8)) -> dict[str, Any]:
    """Return a prober's report: 40 requests a second, POSTs failing in some after the fault."""
    seconds = [
        {
            "t": int(ZERO) + t,
            "n": 40,
            "failed": 2 * (t in failing),
            "kinds": {"keepalive": [30, 0], "post": [10, 2 * (t in failing)]},
            "colors": {},
        }
        for t in range(-20, 60)
    ]
    return {"seconds": seconds, "lost_seconds": [{"t": int(ZERO) + 1, "socket": 3}]}


def leave(folder: Path, stamp: str = "20261129T010000", **changes: Any) -> Path:
    """Write a run's directory; return it."""
    record = document(**changes)
    run = folder / f"{stamp}-{record['experiment']}"
    run.mkdir(parents=True)
    (run / "record.json").write_text(json.dumps(record), encoding="utf-8")
    (run / "traffic.json").write_text(json.dumps(traffic()), encoding="utf-8")
    (run / "journal.json").write_text("{}", encoding="utf-8")
    return run
