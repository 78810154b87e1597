"""The resilience score; the formula stands in docs/reference/resilience.md, and a test holds both.

A fault earns weight * (probe success * min(1, target recovery / measured recovery) - budget
burned), and nothing less than 0. The score is what was earned, in percent of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaos.record import Record

# However many probes held: a claim that was not kept earns half of them at most.
NOT_KEPT = 0.5


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one fault earned, and why."""

    experiment: str
    weight: int
    success: float
    recovery: float
    burned: float

    @property
    def points(self) -> float:
        """Weight, or less."""
        return self.weight * max(0.0, self.success * self.recovery - self.burned)


@dataclass(frozen=True, kw_only=True)
class Score:
    """The sum, its parts, and what it knows nothing of."""

    parts: tuple[Part, ...]
    skipped: tuple[str, ...] = ()
    interrupted: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def percent(self) -> float | None:
        """Of 100; None when nothing was run."""
        weights = sum(part.weight for part in self.parts)
        return 100 * sum(part.points for part in self.parts) / weights if weights else None


def recovery(measured: float | None, target: float) -> float:
    """Return 1 when it was over within the target, less the longer it took, 0 when it was not."""
    if measured is None:
        return 0.0
    return min(1.0, target / measured) if measured else 1.0


def part(record: Record) -> Part:
    """Return what one run earned."""
    kept = {"passed": 1.0, "failed": NOT_KEPT}.get(record.outcome, 0.0)
    return Part(
        experiment=record.experiment,
        weight=record.weight,
        success=record.probes.success * kept,
        recovery=recovery(record.recovery_seconds, record.target_recovery_seconds),
        # One outage spends of several budgets: the one that it hurt most counts, and once.
        burned=max(0.0, *record.budget_burned.values(), 0.0),
    )


def score(records: Iterable[Record], names: Iterable[str] = ()) -> Score:
    """Return the score of the newest record of each experiment, and what of `names` never ran."""
    by_name = {record.experiment: record for record in records}
    parts = [part(r) for r in by_name.values() if r.outcome not in ("skipped", "interrupted")]
    return Score(
        parts=tuple(sorted(parts, key=lambda p: p.experiment)),
        skipped=_named(by_name, "skipped"),
        interrupted=_named(by_name, "interrupted"),
        never=tuple(sorted(set(names) - by_name.keys())),
    )


def _named(records: dict[str, Record], outcome: str) -> tuple[str, ...]:
    return tuple(sorted(name for name, record in records.items() if record.outcome == outcome))
