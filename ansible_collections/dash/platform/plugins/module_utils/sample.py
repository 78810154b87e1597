"""From the prober's report to what a verdict needs: requests, failures, 95th percentile.

What was excused, and what a rate limit answered, is neither good nor failed and does not count.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.dash.platform.plugins.module_utils.verdict import Sample

Report = dict[str, Any]


def whole(report: Report) -> Sample:
    """Return the sample of a whole report; an empty one gives an empty sample."""
    rows = [row for row in (report.get("by_color") or {}).values() if row["n"]]
    weight = sum(row["n"] for row in rows)
    p95 = sum(row["p95_ms"] * row["n"] for row in rows) / weight if weight else None
    judged = int(report.get("judged", 0)) - int(report.get("limited", 0))
    return Sample(max(0, judged), int(report.get("failed", 0)), p95)


def between(report: Report, color: str, start: float, end: float) -> Sample:
    """Return the sample of a colour in the whole seconds from `start` to `end` (epoch).

    Answers without a colour (nobody sent one, or the edge itself refused) count for the colour
    that is asked about: who asks knows which one served then.
    """
    n = failed = 0
    p95s: list[float] = []
    for second in report.get("seconds") or []:
        if not start <= second["t"] < end:
            continue
        colors = second["colors"]
        n += second["n"] - sum(c["n"] for c in colors.values())
        failed += second["failed"] - sum(c["failed"] for c in colors.values())
        if color in colors:
            n += colors[color]["n"]
            failed += colors[color]["failed"]
            p95s.append(colors[color]["p95_ms"])
    return Sample.of(n, failed, p95s)


def losses(report: Report, color: str, since: float) -> list[str]:
    """Return which sockets, messages and streams were lost, with why, from `since` (epoch) on.

    One that had to do with the other colour alone does not count: that colour was left.
    """
    return [
        f"{loss['what']} of {loss['name']}: {loss['why']}"
        if loss["what"] == "message"
        else f"{loss['what']} {loss['name']}: {loss['why']}"
        for loss in report.get("losses") or []
        if loss["t"] >= since and (color in loss["colors"] or not loss["colors"])
    ]
