"""The prober's last word: one line for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def summary_line(report: Mapping[str, Any]) -> str:
    """Return `0 failed of 12,403 requests, worst gap 38 ms`, and what was not judged, if anything.

    Args:
        report: the prober's report.
    """
    parts = [f"{report['failed']:,} failed of {report['judged']:,} requests"]
    if report["sockets"]["n"]:
        parts.append(f"{report['sockets']['lost']:,} of {report['sockets']['n']:,} sockets lost")
    parts.append(f"worst gap {report['worst_gap_ms']:,.0f} ms")
    line = ", ".join(parts)
    if report["not_judged"]:
        named = ", ".join(f"{what} ({why})" for what, why in report["not_judged"].items())
        line += f"; not judged, bad from the start: {named}"
    return f"{line}; {report['note']}" if report["note"] else line
