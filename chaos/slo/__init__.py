"""How much of the error budgets a run burned: shares of what 30 days may burn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from chaos.client import ROOT

if TYPE_CHECKING:
    from chaos.client import Client
    from chaos.traffic import Report

DAY = 86400


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

    The objectives' own expressions, over these seconds and no others: the recorded five minutes
    would count what an experiment before this one burned.
    """
    known, seconds = objectives(), max(30, round(until - since))
    found = {}
    for name, one in known["objectives"].items():
        bad, total = (
            sum(
                value for _, value in client.query(one[key].replace("[5m]", f"[{seconds}s]"), until)
            )
            for key in ("bad", "all")
        )
        ratio = bad / total if total > 0 and not math.isnan(bad / total) else 0.0
        allowed = (1 - one["objective"] / 100) * known["period_days"] * DAY
        found[name] = round(max(0.0, ratio) * seconds / allowed, 6)
    return found
