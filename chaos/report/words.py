"""Captions: what a picture shows, in words, for whoever does not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.report.traffic import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.record import Alert, Record
    from chaos.report.traffic import Second


def seconds(value: float | None) -> str:
    """Return a time for people; a dash where nothing was measured."""
    return "-" if value is None else f"{value:,.1f} s"


def caption(record: Record, traffic: Sequence[Second]) -> str:
    """Return what happened around one fault."""
    if record.fault.started is None:
        return "The fault was never made."
    told = [_fault(record), _requests(record, traffic)]
    told += [words for words in (_lost(record), _allowed(record)) if words]
    told += map(_alert, record.alerts)
    if record.after_undo_seconds is not None:
        told.append(f"Steady again {seconds(record.after_undo_seconds)} after the undo.")
    return " ".join(told)


def _fault(record: Record) -> str:
    begun, ended = record.fault.started, record.fault.ended
    if begun is None or ended is None:
        return "The fault was made, and nothing tells when it ended."
    return f"The fault lasted {seconds(ended - begun)}."


def _requests(record: Record, traffic: Sequence[Second]) -> str:
    n = sum(kind.n for kind in record.requests.values())
    failed = {kind: count.failed for kind, count in record.requests.items() if count.failed}
    if not n:
        return "No traffic of our own was counted."
    if not failed:
        return f"None of {n:,} requests failed."
    each = ", ".join(f"{KINDS.get(kind, kind)} {count:,}" for kind, count in failed.items())
    return f"{sum(failed.values()):,} of {n:,} requests failed ({each}){_last(record, traffic)}."


def _lost(record: Record) -> str:
    given = (("agents' sockets", record.sockets, "lost"), ("streams", record.streams, "broken"))
    each = [
        f"{counts[what]:,} of {counts.get('n', 0):,} {name} {what}"
        for name, counts, what in given
        if counts.get(what)
    ]
    return f"{' and '.join(each)}." if each else ""


def _allowed(record: Record) -> str:
    each = [
        f"{kind} {'any' if most is None else most}"
        for kind, most in record.in_flight_allowed.items()
        if most != 0
    ]
    return f"What may be lost in flight: {', '.join(each)}." if each else ""


def _last(record: Record, traffic: Sequence[Second]) -> str:
    if record.recovery_seconds is not None:
        return f", the last of them {seconds(record.recovery_seconds)} after the fault began"
    return ", to the end" if traffic and traffic[-1].failed else ""


def _alert(alert: Alert) -> str:
    if alert.fired is None:
        return f"{alert.name} did not fire."
    after = "" if alert.detection_seconds is None else f" after {seconds(alert.detection_seconds)}"
    ends = "and was resolved" if alert.resolved is not None else "and was not seen resolved"
    return f"{alert.name} fired{after} {ends}."
