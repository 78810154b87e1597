"""What clients get of the models."""

from __future__ import annotations

from typing import Any

from chaos import running
from chaos.client import WorldError
from chaos.provider.actions import ask

__all__ = ["answered", "model_answers", "worst_fault"]

GOOD = 200


def model_answers(model: str = "gpt", seconds: float = 45.0) -> int:
    """HTTP status of one answer of a model."""
    return ask(model, seconds).status


def answered(model: str = "gpt", times: int = 10) -> float:
    """Share of calls that a model answered well."""
    return sum(ask(model).status == GOOD for _ in range(times)) / times


def worst_fault() -> float:
    """Share of calls answered well under the fault that hurt most; raises what it was."""
    faults: dict[str, Any] = running.current().notes.get("faults", {})
    shares: dict[str, float] = {kind: each["good"] / each["of"] for kind, each in faults.items()}
    if not shares:
        raise WorldError("no fault was tried")
    unmet = [k for k, each in faults.items() if not each["met"] and k not in ("refuse", "tls")]
    if unmet:
        raise WorldError(f"{', '.join(unmet)}: no call met it, so nothing is known of it")
    kind = min(shares, key=lambda name: shares[name])
    if shares[kind] < 1:
        raise WorldError(f"{kind}: {faults[kind]['good']} of {faults[kind]['of']} calls answered")
    return shares[kind]
