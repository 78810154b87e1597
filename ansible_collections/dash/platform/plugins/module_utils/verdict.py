"""Is a release as good as the one that serves? Statistics on what was counted, nothing else.

Error rates by Clopper-Pearson bounds (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934): exact,
and honest at small n. 0 failures of 300 bound the rate below 1 % with 95 % confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

BUDGET = 0.01  # the error rate that a release may have
CONFIDENCE = 0.95
SLOWER = 3.0  # times the old colour's 95th percentile
SLOWER_MS = 50.0  # and by at least so much: 2 ms against 0.5 ms is no news


@dataclass(frozen=True)
class Sample:
    """What a colour answered: requests, failures, 95th percentile in ms (None: too few)."""

    n: int
    failed: int
    p95_ms: float | None = None

    @classmethod
    def of(cls, n: int, failed: int, p95s: list[float]) -> Sample:
        """Make one from per-second figures: the median second's 95th percentile."""
        ordered = sorted(x for x in p95s if x is not None)
        return cls(n, failed, ordered[len(ordered) // 2] if ordered else None)


def _cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for a binomial X, summed in logarithms."""
    if p <= 0:
        return 1.0
    if p >= 1:
        return 1.0 if k >= n else 0.0
    total = 0.0
    for i in range(k + 1):
        log = (math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
               + i * math.log(p) + (n - i) * math.log1p(-p))
        total += math.exp(log)
    return min(1.0, total)


def upper_bound(failures: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided Clopper-Pearson upper bound of an error rate."""
    if n == 0 or failures >= n:
        return 1.0
    return _bisect(lambda p: _cdf(failures, n, p) > 1 - confidence)


def lower_bound(failures: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided Clopper-Pearson lower bound of an error rate."""
    if failures == 0 or n == 0:
        return 0.0
    return _bisect(lambda p: 1 - _cdf(failures - 1, n, p) < 1 - confidence)


def _bisect(below: Any) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def judge(new: Sample, old: Sample, budget: float = BUDGET) -> dict[str, Any]:
    """Hold a new release against the one that serves.

    Returns {"verdict": "pass" | "fail" | "inconclusive", "n", "failures", "upper_bound", "p95_ms",
    "old_p95_ms", "why"}. A fault that both share is not the new one's: the budget grows by what the
    old colour is known to fail.
    """
    allowed = max(budget, lower_bound(old.failed, old.n))
    upper, lower = upper_bound(new.failed, new.n), lower_bound(new.failed, new.n)
    figures = {"n": new.n, "failures": new.failed, "upper_bound": round(upper, 4),
               "p95_ms": new.p95_ms, "old_p95_ms": old.p95_ms}
    counted = f"{new.failed} of {new.n} requests failed"
    if lower > allowed:
        return {"verdict": "fail", **figures, "why": f"{counted}, {allowed:.1%} is allowed"}
    limit = None if old.p95_ms is None else max(SLOWER * old.p95_ms, old.p95_ms + SLOWER_MS)
    if new.p95_ms is not None and limit is not None and new.p95_ms > limit:
        why = f"p95 is {new.p95_ms:.0f} ms, the old colour has {old.p95_ms:.0f} ms"
        return {"verdict": "fail", **figures, "why": why}
    if upper > allowed:
        why = (f"{counted}: the error rate may be as high as {upper:.1%} (95 % confidence), "
               f"{allowed:.1%} is allowed")
        return {"verdict": "inconclusive", **figures, "why": why}
    return {"verdict": "pass", **figures,
            "why": f"{counted}, error rate below {upper:.1%} (95 % confidence)"}


def quantiles(report: dict[str, Any]) -> Sample:
    """Return the sample of a prober's whole report."""
    rows = [r for r in (report.get("by_color") or {}).values() if r.get("n")]
    weight = sum(r["n"] for r in rows)
    p95 = sum(r["p95_ms"] * r["n"] for r in rows) / weight if weight else None
    return Sample(int(report.get("sent", 0)), int(report.get("failed", 0)), p95)
