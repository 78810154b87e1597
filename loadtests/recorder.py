"""Latencies over time, in the process that judges: differences of locust's own statistics."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent

from loadtests import kinds
from loadtests.histogram import figures, less

if TYPE_CHECKING:
    from locust.env import Environment

    from loadtests.shapes import Shape
    from loadtests.thresholds import Figures

EVERY = 5.0  # seconds of a window; locust's workers report every three

Counted = dict[str, Counter[int]]


@dataclass(frozen=True)
class Window:
    """Some seconds of a run."""

    at: float  # epoch, its end
    seconds: float
    stage: int
    users: int
    counts: Counted
    failed: Counter[str]


@dataclass
class Recorder:
    """The windows of one run."""

    environment: Environment
    shape: Shape
    began: float = field(default_factory=time.time)
    windows: list[Window] = field(default_factory=list)
    _before: tuple[float, Counted, Counter[str]] | None = None

    def watch(self) -> None:
        """Close a window every few seconds, for ever; spawned as a greenlet."""
        self.begin()
        while True:
            gevent.sleep(EVERY)
            self.close()

    def begin(self) -> None:
        """Begin with what was counted until now."""
        self.began = time.time()
        self._before = (time.monotonic(), *self._now())

    def close(self) -> None:
        """Close the window that is open, and begin the next."""
        if self._before is None:
            return
        before_at, before, before_failed = self._before
        at, (counts, failed) = time.monotonic(), self._now()
        self._before = (at, counts, failed)
        middle = time.time() - self.began - (at - before_at) / 2
        found = self.shape.stage(middle)
        runner = self.environment.runner
        self.windows.append(
            Window(
                at=time.time(),
                seconds=at - before_at,
                stage=found[0] if found else len(self.shape.stages) - 1,
                users=runner.user_count if runner else 0,
                counts={kind: less(after, before.get(kind, {})) for kind, after in counts.items()},
                failed=failed - before_failed,
            )
        )

    def _now(self) -> tuple[Counted, Counter[str]]:
        counts: Counted = defaultdict(Counter)
        failed: Counter[str] = Counter()
        for (name, method), entry in list(self.environment.stats.entries.items()):
            kind = kinds.of(method, name)
            counts[kind].update({int(ms): n for ms, n in entry.response_times.items()})
            failed[kind] += entry.num_failures
        return dict(counts), failed

    def figures(self, stage: int | None = None) -> dict[str, Figures]:
        """Return the figures of each kind, of a stage or of the whole run."""
        counts: Counted = defaultdict(Counter)
        failed: Counter[str] = Counter()
        for window in self.windows:
            if stage is None or window.stage == stage:
                failed.update(window.failed)
                for kind, counted in window.counts.items():
                    counts[kind].update(counted)
        return {kind: figures(counted, failed[kind]) for kind, counted in sorted(counts.items())}

    def series(self) -> list[dict[str, Any]]:
        """Return the windows as JSON has them."""
        return [
            {
                "at": round(window.at, 1),
                "seconds": round(window.seconds, 2),
                "stage": window.stage,
                "users": window.users,
                "kinds": {
                    kind: {
                        "rate": round(sum(counted.values()) / window.seconds, 2),
                        "failed": window.failed[kind],
                        "p50_ms": (seen := figures(counted, 0)).p50_ms,
                        "p95_ms": seen.p95_ms,
                        "p99_ms": seen.p99_ms,
                    }
                    for kind, counted in sorted(window.counts.items())
                    if counted
                },
            }
            for window in self.windows
        ]
