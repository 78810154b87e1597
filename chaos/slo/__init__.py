"""How much of the error budgets a run burned: shares of what 30 days may burn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from chaos.client import ROOT

if TYPE_CHECKING:
    from chaos.client import Client
    from chaos.traffic import Report

DAY = 86400
WINDOW = 300  # seconds of the recorded ratio


def objectives() -> dict[str, Any]:
    """Return monitoring/slos.yml."""
    text = (ROOT / "monitoring" / "slos.yml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def burned_by(report: Report, rate: float) -> float:
    """Return the share of availability's budget that the failed requests of a report are."""
    known = objectives()
    allowed = 1 - known["objectives"]["availability"]["objective"] / 100
    most = float(allowed * rate * known["period_days"] * DAY)
    return float(report.get("failed", 0)) / most


def burned(client: Client, since: float, until: float) -> dict[str, float]:
    """Return the share of each budget that was burned between two times. Raises Silent.

    Windows of five minutes that touch one another, the last at the end, cover it exactly.
    """
    period = objectives()["period_days"] * DAY
    found: dict[str, float] = {}
    at = until
    while at > since:
        for labels, factor in client.query(
            "slo:error:ratio5m / on (slo) group_left () slo:budget:ratio", at
        ):
            name = labels.get("slo", "")
            found[name] = found.get(name, 0.0) + max(0.0, factor) * WINDOW / period
        at -= WINDOW
    return {name: round(share, 6) for name, share in sorted(found.items())}
