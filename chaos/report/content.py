"""What a report says, put together once for terminal, page and document."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos import record, score
from chaos.report import traffic, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.record import Record
    from chaos.report.traffic import Second
    from chaos.score import Part, Score


@dataclass(frozen=True, kw_only=True)
class Run:
    """The newest telling run of one experiment."""

    folder: Path
    record: Record
    part: Part | None  # None: it does not count

    @cached_property
    def traffic(self) -> tuple[Second, ...]:
        """Return what own traffic got."""
        return traffic.read(self.folder)

    @property
    def caption(self) -> str:
        """Return the run in words."""
        return words.caption(self.record, self.traffic)

    def document(self) -> dict[str, Any]:
        """Return the run for a program."""
        earned = None if self.part is None else round(self.part.points, 3)
        return {**self.record.model_dump(), "points": earned, "run": str(self.folder)}


@dataclass(frozen=True, kw_only=True)
class Detection:
    """When an experiment made an alert fire."""

    alert: str
    experiment: str
    seconds: float | None
    resolved: bool
    at: float | None


@dataclass(frozen=True, kw_only=True)
class Content:
    """Everything a report says."""

    stack: str
    machine: str
    made: float
    runs: tuple[Run, ...]
    score: Score
    broken: tuple[str, ...] = ()

    @property
    def detections(self) -> tuple[Detection, ...]:
        """Return what was told of, by alert; the quickest first."""
        found = [
            Detection(
                alert=alert.name,
                experiment=run.record.experiment,
                seconds=alert.detection_seconds if alert.fired is not None else None,
                resolved=alert.resolved is not None,
                at=alert.fired,
            )
            for run in self.runs
            if run.record.outcome != "skipped"
            for alert in run.record.alerts
        ]
        return tuple(sorted(found, key=lambda d: (d.alert, d.seconds is None, d.seconds or 0)))

    def document(self) -> dict[str, Any]:
        """Return the report for a program."""
        percent = self.score.percent
        return {
            "stack": self.stack,
            "machine": self.machine,
            "made": self.made,
            "score": None if percent is None else round(percent, 1),
            "runs": [run.document() for run in self.runs],
            "detections": [vars(one) for one in self.detections],
            "skipped": self.score.skipped,
            "interrupted": self.score.interrupted,
            "never_run": self.score.never,
            "unreadable": self.broken,
        }


def collect(folder: Path, names: Sequence[str], stack: str) -> Content:
    """Return what the runs in a folder say."""
    found, broken = record.runs(folder)
    last = record.newest(found)
    total = score.score(last.values(), names)
    parts = {part.experiment: part for part in total.parts}
    return Content(
        stack=stack,
        machine=machine(),
        made=time.time(),
        runs=tuple(
            Run(folder=where, record=one, part=parts.get(one.experiment))
            for where, one in sorted(last.items(), key=lambda item: item[1].experiment)
        ),
        score=total,
        broken=tuple(broken),
    )


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return what the figures depend on: processors and memory."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {names[0] if names else 'unknown'}, {memory:.0f} GiB"
