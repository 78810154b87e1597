"""Is a release as good as the one that serves? Statistics on what was counted, nothing else.

Error rates by Clopper-Pearson bounds (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934): exact,
and honest at small n. 0 failures of 300 bound the rate below 1 % with 95 % confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BUDGET = 0.01  # the error rate that a release may have
CONFIDENCE = 0.95
SLOWER = 3.0  # times the old colour's 95th percentile
SLOWER_MS = 200.0  # and by at least so much: a loaded machine alone gives tens of ms
HALVINGS = 60  # of the interval 0..1: past what a float can tell apart

Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class Sample:
    """What a colour answered: requests, failures, 95th percentile in ms (None: too few)."""

    n: int
    failed: int
    p95_ms: float | None = None

    @classmethod
    def of(cls, n: int, failed: int, p95s: Iterable[float]) -> Sample:
        """Make one from per-second figures: the median second's 95th percentile."""
        ordered = sorted(p95s)
        return cls(n, failed, ordered[len(ordered) // 2] if ordered else None)


def _log_term(i: int, n: int, p: float) -> float:
    """Return log P(X = i) for a binomial X."""
    ways = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
    return ways + i * math.log(p) + (n - i) * math.log1p(-p)


def _cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for a binomial X, 0 <= k < n.

    The tail on the far side of the mode is summed from k outward, until a term no longer counts:
    a few times sqrt(n) of them, so that an edge can ask every second.
    """
    down = k < n * p
    i = k if down else k + 1
    term, total = math.exp(_log_term(i, n, p)), 0.0
    while term > total * 2**-53:
        total += term
        if down:
            term *= i * (1 - p) / ((n - i + 1) * p)
            i -= 1
        else:
            term *= (n - i) * p / ((i + 1) * (1 - p))
            i += 1
    return total if down else 1 - total


def _bisect(below: Callable[[float], bool]) -> float:
    """Return where `below`, true up to a point of 0..1 and false from there on, turns."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def upper_bound(failures: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided Clopper-Pearson upper bound of an error rate."""
    if failures >= n:
        return 1.0
    return _bisect(lambda p: _cdf(failures, n, p) > 1 - confidence)


def lower_bound(failures: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided Clopper-Pearson lower bound of an error rate."""
    if failures <= 0:
        return 0.0
    return _bisect(lambda p: 1 - _cdf(failures - 1, n, p) < 1 - confidence)


def judge_errors(
    failures: int, n: int, budget: float = BUDGET, confidence: float = CONFIDENCE
) -> Verdict:
    """Tell whether an error rate is surely within its budget, surely past it, or neither."""
    if lower_bound(failures, n, confidence) > budget:
        return "fail"
    return "pass" if upper_bound(failures, n, confidence) <= budget else "inconclusive"


def judge_latency(new_p95_ms: float | None, old_p95_ms: float | None) -> Verdict:
    """Tell whether a release is slow: past 3 x the old 95th percentile and 200 ms above it."""
    if new_p95_ms is None or old_p95_ms is None:
        return "inconclusive"
    return "fail" if new_p95_ms > max(SLOWER * old_p95_ms, old_p95_ms + SLOWER_MS) else "pass"


def judge(new: Sample, old: Sample, budget: float = BUDGET) -> dict[str, Any]:
    """Hold a new release against the one that serves.

    Returns {"verdict": "pass" | "fail" | "inconclusive", "n", "failures", "upper_bound", "p95_ms",
    "old_p95_ms", "slow", "why"}; slow: it fails by time alone. A fault that both share is not the
    new one's: the budget grows by what the old colour is known to fail. Times that nobody measured
    are not held against it.
    """
    allowed = max(budget, lower_bound(old.failed, old.n))
    upper = upper_bound(new.failed, new.n)
    counted = f"{new.failed} of {new.n} requests failed"
    errors = judge_errors(new.failed, new.n, allowed)
    verdict = errors
    if errors == "fail":
        why = f"{counted}, {allowed:.1%} is allowed"
    elif judge_latency(new.p95_ms, old.p95_ms) == "fail":
        verdict = "fail"
        why = f"p95 is {new.p95_ms:.0f} ms, the old colour has {old.p95_ms:.0f} ms"
    elif errors == "inconclusive":
        why = (
            f"{counted}: the error rate may be as high as {upper:.1%} (95 % confidence), "
            f"{allowed:.1%} is allowed"
        )
    else:
        why = f"{counted}, error rate below {upper:.1%} (95 % confidence)"
    return {
        "verdict": verdict,
        "n": new.n,
        "failures": new.failed,
        "upper_bound": round(upper, 4),
        "p95_ms": new.p95_ms,
        "old_p95_ms": old.p95_ms,
        "slow": verdict == "fail" and errors != "fail",
        "why": why,
    }
