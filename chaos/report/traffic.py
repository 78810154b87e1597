"""What own traffic got, second by second: the prober's report (its form: `ops.probing`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FILE = "traffic.json"
# What can fail, in the order in which it is drawn, and what people call it.
KINDS = {
    "keepalive": "GET, connection kept",
    "fresh": "GET, connection new",
    "post": "POST",
    "sockets": "agents' sockets lost",
    "streams": "streams broken",
    "messages": "messages lost",
}
LOST = {"socket": "sockets", "stream": "streams", "message": "messages"}


@dataclass(frozen=True, kw_only=True)
class Second:
    """One second of the wall clock."""

    t: int
    n: int
    failed: dict[str, int]


def read(folder: Path) -> tuple[Second, ...]:
    """Return the seconds of a run; none when the prober left no report that can be read."""
    try:
        document = json.loads((folder / FILE).read_bytes())
        return seconds(document)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return ()


def seconds(document: dict[str, Any]) -> tuple[Second, ...]:
    """Return the seconds of a report, those in which nothing ended included."""
    found = {int(one["t"]): one for one in document.get("seconds", ())}
    lost = {
        int(one["t"]): {LOST[what]: int(n) for what, n in one.items() if what in LOST}
        for one in document.get("lost_seconds", ())
    }
    if not found:
        return ()
    times = range(min(found), max([*found, *lost]) + 1)
    return tuple(_second(t, found.get(t, {}), lost.get(t, {})) for t in times)


def _second(t: int, given: dict[str, Any], lost: dict[str, int]) -> Second:
    kinds = {kind: failed for kind, (_n, failed) in given.get("kinds", {}).items()}
    failed = {kind: n for kind, n in {**kinds, **lost}.items() if n and kind in KINDS}
    return Second(t=t, n=int(given.get("n", 0)), failed=failed)
