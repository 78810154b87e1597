"""Is a release slower than another under the same load at the same time? Paired blocks, exact.

Both are asked in the same seconds: what disturbs one disturbs the other. Of each block, kind and
percentile, the excess is what the new one took beyond what the old one's figure allows. Its
Hodges-Lehmann estimate and the exact bounds that go with it (Walsh averages and the signed-rank
distribution: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd edition, chapter 3)
say whether it is surely at most 0, surely above, or neither. Blocks count as independent of each
other, which holds the better the longer they are.

A pass needs every one of them (an intersection-union test, Berger 1982: no correction is due); a
failure needs one, at a confidence that is divided among them (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.dash.platform.plugins.module_utils.verdict import Verdict

MARGIN = 0.25  # slower by so large a share is no worse
FLOOR_MS = 10.0  # nor by so little, whatever share it is
FEWEST = 10  # answers of a kind in a block, on either side, below which it has no percentile
PERCENTILES = ("p50_ms", "p95_ms")


@dataclass(frozen=True)
class Bounds:
    """A Hodges-Lehmann estimate of a median, and one-sided bounds (None: n is too small)."""

    estimate: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Part:
    """What became of a percentile of a kind; times in ms, excess over what is allowed."""

    kind: str
    percentile: str
    n: int
    old_ms: float
    new_ms: float
    excess: float
    verdict: Verdict

    @property
    def line(self) -> str:
        """Return it for people."""
        return (
            f"{self.percentile.removesuffix('_ms')} of {self.kind} is {self.new_ms:.0f} ms, the "
            f"old one's {self.old_ms:.0f} ms, over {self.n} blocks: {self._how}"
        )

    @property
    def _how(self) -> str:
        if critical(self.n, 1 - verdict.CONFIDENCE) is None:
            return "too few blocks to tell"
        how = {"pass": "surely not", "fail": "surely", "inconclusive": "perhaps"}[self.verdict]
        return f"{how} slower by more than {MARGIN:.0%} and {FLOOR_MS:.0f} ms"


def allowed(old_ms: float, margin: float = MARGIN, floor_ms: float = FLOOR_MS) -> float:
    """Return what the new release may take where the old one took so long."""
    return max(old_ms * (1 + margin), old_ms + floor_ms)


def critical(n: int, alpha: float) -> int | None:
    """Return the largest t with P(T+ <= t) <= alpha for the signed-rank sum of n; None: none."""
    ways = [1]
    for rank in range(1, n + 1):
        longer = ways + [0] * rank
        for total, count in enumerate(ways):
            longer[total + rank] += count
        ways = longer
    most, seen = alpha * 2**n, 0
    for total, count in enumerate(ways):
        seen += count
        if seen > most:
            return total - 1 if total else None
    return None


def hodges_lehmann(values: Sequence[float], alpha: float) -> Bounds:
    """Return the median of the Walsh averages, and one-sided bounds at 1 - alpha."""
    walsh = sorted((a + b) / 2 for a, b in combinations_with_replacement(values, 2))
    estimate = _median(walsh)
    if (place := critical(len(values), alpha)) is None:
        return Bounds(estimate, None, None)
    return Bounds(estimate, walsh[place], walsh[-1 - place])


def compare(blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Judge a new release against an old one.

    A block is {"old": {kind: {"n", "failed", "p50_ms", "p95_ms"}}, "new": ...}. Returns
    {"verdict": "pass" | "fail" | "inconclusive", "why": [lines], "n", "blocks", "errors", "parts"}.
    """
    errors = _errors(blocks)
    pairs = {
        (kind, name): found
        for kind in sorted({kind for block in blocks for kind in block["old"]})
        for name in PERCENTILES
        if (found := _pairs(blocks, kind, name))
    }
    parts = [_part(*key, found, len(pairs)) for key, found in pairs.items()]
    why = [errors["why"]] if errors["verdict"] != "pass" else []
    why += [part.line for part in parts if part.verdict != "pass"]
    if not parts:
        why.append(f"no kind was answered {FEWEST} times a block on both sides")
    verdicts = [errors["verdict"], *(part.verdict for part in parts)]
    return {
        "verdict": _worst(verdicts) if parts else _worst([errors["verdict"], "inconclusive"]),
        "why": why,
        "n": errors["n"],
        "blocks": len(blocks),
        "margin": MARGIN,
        "floor_ms": FLOOR_MS,
        "errors": errors,
        "parts": [{**asdict(part), "line": part.line} for part in parts],
    }


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    found = set(verdicts)
    if "fail" in found:
        return "fail"
    return "inconclusive" if "inconclusive" in found else "pass"


def _pairs(blocks: Sequence[Mapping[str, Any]], kind: str, name: str) -> list[tuple[float, float]]:
    """Return (old, new) of the blocks in which both sides answered often enough."""
    both = [(block["old"].get(kind), block["new"].get(kind)) for block in blocks]
    return [
        (old[name], new[name])
        for old, new in both
        if old and new and min(old["n"] - old["failed"], new["n"] - new["failed"]) >= FEWEST
    ]


def _part(kind: str, name: str, pairs: Sequence[tuple[float, float]], among: int) -> Part:
    excess = [new - allowed(old) for old, new in pairs]
    alpha = 1 - verdict.CONFIDENCE
    upper = hodges_lehmann(excess, alpha)
    lower = hodges_lehmann(excess, alpha / among)
    found: Verdict = "inconclusive"
    if lower.lower is not None and lower.lower > 0:
        found = "fail"
    elif upper.upper is not None and upper.upper <= 0:
        found = "pass"
    return Part(
        kind=kind,
        percentile=name,
        n=len(pairs),
        old_ms=_median([old for old, _ in pairs]),
        new_ms=_median([new for _, new in pairs]),
        excess=round(upper.estimate, 2),
        verdict=found,
    )


def _errors(blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the verdict on errors, by the judge that a deploy has: times are judged here."""
    counts = {
        side: [sum(seen[what] for b in blocks for seen in b[side].values()) for what in _COUNTED]
        for side in ("old", "new")
    }
    if not counts["new"][0]:
        why = "the new release was asked nothing"
        return {"verdict": "inconclusive", "n": 0, "failures": 0, "why": why}
    new, old = verdict.Sample(*counts["new"]), verdict.Sample(*counts["old"])
    found = verdict.judge(new, old)
    return {name: found[name] for name in ("verdict", "n", "failures", "upper_bound", "why")}


_COUNTED = ("n", "failed")


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    low, high = math.floor((len(ordered) - 1) / 2), math.ceil((len(ordered) - 1) / 2)
    return (ordered[low] + ordered[high]) / 2
