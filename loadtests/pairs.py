"""Answers of two releases that are asked at the same time, in blocks of some seconds."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from loadtests import kinds
from loadtests.histogram import percentile

BLOCKS = 20  # of a run; the first is left out: connections are made in it
SIDES = ("old", "new")


@dataclass(frozen=True)
class Answer:
    """One answer: of which release and kind, when it was asked for, and what it took."""

    side: str
    kind: str
    at: float
    tenths: int  # of a millisecond
    failed: bool


@dataclass
class Pairs:
    """The answers of a run, kept one by one: a comparison is short."""

    seconds: float
    answers: list[Answer] = field(default_factory=list)

    def hear(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float,
        exception: BaseException | None,
        context: dict[str, Any],
        **_: object,
    ) -> None:
        """Take an answer, as locust tells of it."""
        took = float(response_time or 0.0)
        self.answers.append(
            Answer(
                side=str(context.get("side", "")),
                kind=kinds.of(request_type, name),
                at=time.time() - took / 1000,
                tenths=round(took * 10),
                failed=exception is not None,
            )
        )

    def blocks(self, began: float) -> list[dict[str, Any]]:
        """Return the blocks that were whole: their middle, and both sides' figures by kind."""
        found: dict[int, list[Answer]] = defaultdict(list)
        for answer in self.answers:
            found[int((answer.at - began) // self.seconds)].append(answer)
        return [
            {
                "at": (number + 0.5) * self.seconds,
                **{s: _figures([a for a in found[number] if a.side == s]) for s in SIDES},
            }
            for number in range(1, BLOCKS)
            if number in found
        ]


def _figures(answers: list[Answer]) -> dict[str, dict[str, float]]:
    """Return the figures of each kind; percentiles are of good answers alone."""
    by_kind: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_kind[answer.kind].append(answer)
    return {
        kind: {
            "n": len(each),
            "failed": sum(answer.failed for answer in each),
            "p50_ms": percentile(took, 0.5) / 10,
            "p95_ms": percentile(took, 0.95) / 10,
        }
        for kind, each in sorted(by_kind.items())
        for took in [Counter(answer.tenths for answer in each if not answer.failed)]
    }
