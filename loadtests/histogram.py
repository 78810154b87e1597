"""Counts by milliseconds, as locust keeps them: added, subtracted, and asked for percentiles."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadtests.thresholds import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping


def percentile(counts: Mapping[int, int], share: float) -> float:
    """Return the least value below or at which so large a share lies; 0 of nothing."""
    total = sum(counts.values())
    left = share * total
    for value in sorted(counts):
        left -= counts[value]
        if left <= 1e-9 * total:
            return float(value)
    return 0.0


def less(after: Mapping[int, int], before: Mapping[int, int]) -> Counter[int]:
    """Return what was counted between two looks at one histogram."""
    return Counter({ms: n - before.get(ms, 0) for ms, n in after.items() if n > before.get(ms, 0)})


def figures(counts: Mapping[int, int], failed: int) -> Figures:
    """Return the figures of what was counted, failures among it."""
    return Figures(
        n=sum(counts.values()),
        failed=failed,
        p50_ms=percentile(counts, 0.5),
        p95_ms=percentile(counts, 0.95),
        p99_ms=percentile(counts, 0.99),
    )
