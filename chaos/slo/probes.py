"""What the service's objectives say."""

from __future__ import annotations

from chaos import running, slo, traffic
from chaos.client import Silent

__all__ = ["budget_burned", "error_ratio"]


def budget_burned() -> float:
    """Share of the 30 days' budget of availability that own failed requests burned in this run."""
    run = running.opened()
    if run is None or run.traffic is None:
        return 0.0
    return slo.burned_by(run.traffic.read(), traffic.LOAD["rate"])


def error_ratio(objective: str = "availability") -> float:
    """Share of bad events of an objective in the last five minutes; 0 while nobody measures."""
    try:
        found = running.current().client.query(f'slo:error:ratio5m{{slo="{objective}"}}')
    except Silent:
        return 0.0  # a monitor that is gone is told by its own alerts, and own traffic goes on
    return next((value for _, value in found), 0.0)
