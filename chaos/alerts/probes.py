"""What Alertmanager holds."""

from __future__ import annotations

import time

from chaos import running
from chaos.client import WorldError

__all__ = ["fired", "over"]


def fired(alert: str, within: float) -> float:
    """Wait until an alert is told; return the seconds since the fault began."""
    run, end = running.current(), time.monotonic() + within
    watch, began = run.watch, run.began
    if watch is None or began is None:
        raise WorldError(f"{alert} cannot fire: nothing is broken, or nobody watches")
    while alert not in watch.fired:
        if time.monotonic() > end:
            told = ", ".join(sorted(watch.fired)) or "nothing"
            raise WorldError(f"{alert} was not told within {within:.0f} s ({told} was)")
        time.sleep(0.2)
    return round(watch.fired[alert] - began, 1)


def over(alert: str, within: float) -> float:
    """Wait until an alert is told no more; return how long that took."""
    watch, began = running.current().watch, time.monotonic()
    while watch is not None and not watch.over([alert]):
        if time.monotonic() > began + within:
            raise WorldError(f"{alert} is still told {within:.0f} s on")
        time.sleep(0.2)
    return round(time.monotonic() - began, 1)
