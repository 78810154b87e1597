"""The prober's last word: one line for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def summary_line(report: Mapping[str, Any]) -> str:
    """Return `0 failed of 12,403 requests, 0 of 40 sockets lost, …, worst gap 38 ms`.

    What there was none of is left out; what was not judged is named.

    Args:
        report: the prober's report.
    """
    parts = [f"{report['failed']:,} failed of {report['judged']:,} requests"]
    parts += _open(report.get("sockets") or {}, report.get("streams") or {})
    parts.append(f"worst gap {report['worst_gap_ms']:,.0f} ms")
    line = ", ".join(parts)
    if report["not_judged"]:
        named = ", ".join(f"{what} ({why})" for what, why in report["not_judged"].items())
        line += f"; not judged, bad from the start: {named}"
    return f"{line}; {report['note']}" if report["note"] else line


def _open(sockets: Mapping[str, Any], streams: Mapping[str, Any]) -> list[str]:
    """Return the words for what stays open."""
    words = []
    if sockets.get("n"):
        words.append(f"{sockets['lost']:,} of {sockets['n']:,} sockets lost")
    if sockets.get("messages"):
        words.append(f"{sockets['lost_messages']:,} of {sockets['messages']:,} messages lost")
        words += [
            f"{sockets[key]:,} {what}"
            for key, what in (("doubled", "doubled"), ("out_of_order", "out of order"))
            if sockets[key]
        ]
    if streams.get("n"):
        words.append(f"{streams['broken']:,} of {streams['n']:,} streams broken")
    return words
