"""A result as `python -m loadtests run` leaves it, made up: 60 s in which the pool was used up."""

from __future__ import annotations

import math
from typing import Any

from loadtests import kinds, result
from loadtests.baseline import Machine
from loadtests.prometheus import VERSION, Series

BEGAN = 1_795_920_500.0
MACHINE = Machine("AMD EPYC", 2, 24, "6.18", "podman")
KIND = {"n": 600, "failed": 0, "p50_ms": 10.0, "p95_ms": 40.0, "p99_ms": 90.0}


def measured(**changes: Any) -> dict[str, Any]:
    """Return what locust leaves: two stages, the second of which misses."""
    checks = [
        {"what": "api p95", "limit": 250, "measured": 40.0, "ok": True, "unit": " ms"},
        {"what": "api errors", "limit": 0.01, "measured": 0.0, "ok": True, "unit": "%"},
    ]
    return {
        "shape": "knee", "agents": 10, "began": BEGAN, "ended": BEGAN + 60.0,
        "verdict": {"outcome": "passed", "checks": checks, "why": ["stage 2: api p95 is 300 ms"]},
        "kinds": {kind: dict(KIND) for kind in kinds.KINDS},
        "stages": [_stage(5, 27, 60.0, []), _stage(10, 54, 90.0, ["api p95 is 300 ms"])],
        "knee": 1,
        "client": {"seconds": 60, "busy": 0, "lag_ms": 5.0, "cpu": 0.2, "due": 99, "sent": 98},
        "processes": 1,
        "sockets": {"agents": 10, "lost": 0, "resumed": 0, "sent": 50, "arrived": 50,
                    "missing": 0, "doubled": 0},
        "errors": [{"what": "GET /v1/me", "error": "answered 503", "n": 2}],
        "series": [_window(at) for at in range(5, 65, 5)],
        **changes,
    }  # fmt: skip


def server() -> dict[str, Series]:
    """Return series: the pool waits from 30 s on, the machine is busy from 40 s on."""
    times = range(0, 65, 5)

    def line(of: Any) -> list[tuple[float, float]]:
        return [(BEGAN + t, float(of(t))) for t in times]

    return {
        "cpu of the machine": {"": line(lambda t: min(1.0, 0.4 + t / 80))},
        "cpu of the service (cores)": {"blue": line(lambda t: t / 80), "green": line(lambda _: 0)},
        "memory of the service (MB)": {"blue": line(lambda t: 90 + t / 10)},
        "pool: requests that wait": {"blue": line(lambda t: max(0, t - 25) // 5)},
        "requests in flight": {"blue": line(lambda t: 3 + 2 * math.sin(t / 5))},
        VERSION: {"0.1.0": line(lambda _: 1)},
    }


def document(**changes: Any) -> dict[str, Any]:
    """Return the whole result; changes are of what locust measured."""
    found = result.of(measured(**changes), server(), "", MACHINE, ["0.1.0"])
    return {**found, "baseline": {"compared": False, "why": "there was no baseline"}}


def _stage(agents: int, users: int, rate: float, missed: list[str]) -> dict[str, Any]:
    return {"agents": agents, "users": users, "seconds": 30.0, "rate": rate, "missed": missed,
            "kinds": {}}  # fmt: skip


def _window(at: float) -> dict[str, Any]:
    seen = {"rate": 10.0 + at / 10, "failed": int(at > 50)}
    times = {"p50_ms": 10.0, "p95_ms": 40.0 + 4 * at, "p99_ms": 90.0 + 5 * at}
    return {
        "at": BEGAN + at, "seconds": 5.0, "stage": int(at > 30), "users": 27 if at <= 30 else 54,
        "kinds": {kind: {**seen, **times} for kind in kinds.KINDS},
    }  # fmt: skip
