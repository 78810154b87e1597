"""The end of a run, in the process that leads it: what was measured, the verdict, the exit code."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from loadtests import kinds, thresholds
from loadtests.histogram import percentile
from loadtests.thresholds import Client, Sockets, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locust.env import Environment

    from loadtests.recorder import Recorder
    from loadtests.thresholds import Figures

EARLY = 2.0  # seconds by which a run may end before its shape does


@dataclass
class Judge:
    """What the processes of a run said, and what follows from it."""

    environment: Environment
    recorder: Recorder
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: int = 0
    interrupted: bool = False
    knee: int | None = None  # the stage that missed a threshold, of stairs
    ended: float = 0.0

    def hear(self, process: str, report: dict[str, Any]) -> None:
        """Take a process's newest report: each counts from the beginning."""
        self.reports[process] = report

    def over(self, at: float) -> bool:
        """Tell whether stairs have come to a stage that misses a threshold."""
        shape = self.recorder.shape
        found = shape.stage(at)
        if not shape.stairs or found is None or self.knee is not None:
            return self.knee is not None
        number = found[0] - 1
        if number >= 0 and self._missed(number):
            self.knee = number
        return self.knee is not None

    def _missed(self, stage: int) -> list[str]:
        checks = thresholds.of_kinds(self.recorder.figures(stage))
        return [check.line for check in checks if not check.ok]

    def end(self) -> None:
        """Take the last window; whether the run came to its end is known now."""
        self.ended = time.time()
        self.recorder.close()
        took = self.ended - self.recorder.began
        self.interrupted = self.knee is None and took < self.recorder.shape.seconds - EARLY

    @property
    def client(self) -> Client:
        """Return how the processes of the client were."""
        lag: Counter[int] = Counter()
        for report in self.reports.values():
            lag.update({int(ms): n for ms, n in report["lag"].items()})
        health = [report["health"] for report in self.reports.values()]
        return Client(
            seconds=sum(each["seconds"] for each in health),
            busy=sum(each["busy"] for each in health),
            cpu=max((each["cpu"] / max(1, each["seconds"]) for each in health), default=0.0),
            lag_ms=percentile(lag, 0.95),
            due=sum(report["due"] for report in self.reports.values()),
            sent=sum(report["sent"] for report in self.reports.values()),
            missing=self.missing,
        )

    @property
    def sockets(self) -> Sockets:
        """Return what became of agents over all processes."""
        return thresholds.total(Sockets(**report["sockets"]) for report in self.reports.values())

    def verdict(self) -> Verdict:
        """Return what the run is. Stairs are to miss a threshold: that is their result."""
        recorder = self.recorder
        if runner_faults := self._own_faults():
            return Verdict("inconclusive", (), runner_faults)
        if self.interrupted:
            took = self.ended - recorder.began
            why = f"it was ended after {took:.0f} s of {recorder.shape.seconds:.0f} s"
            return Verdict("inconclusive", (), (why,))
        if recorder.shape.sides:
            return self._of_sides()
        if recorder.shape.stairs:
            return self._of_stairs()
        return thresholds.judge(recorder.figures(), self.sockets, self.client)

    def _own_faults(self) -> tuple[str, ...]:
        """Return what went wrong in the load's own code: nothing is known of the service."""
        runner = self.environment.runner
        found = runner.exceptions.values() if runner else ()
        return tuple(
            f"{each['count']} x an error of the load's own: {each['msg']}" for each in found
        )

    def _of_sides(self) -> Verdict:
        """Return whether both releases were measured: which is slower is for who compares."""
        checks = thresholds.of_sockets(self.sockets)
        why = [*thresholds.of_client(self.client), *(c.line for c in checks if not c.ok)]
        return Verdict("inconclusive" if why else "passed", tuple(checks), tuple(why))

    def _of_stairs(self) -> Verdict:
        checks = tuple(thresholds.of_sockets(self.sockets))
        missed = tuple(check.line for check in checks if not check.ok)
        if client := thresholds.of_client(self.client):
            return Verdict("inconclusive", checks, (*client, *missed))
        if missed:
            return Verdict("missed", checks, missed)
        if self.knee is None:
            return Verdict(
                "inconclusive", checks, ("no stage missed a threshold: the knee is above",)
            )
        if self.knee == 0:
            return Verdict("missed", checks, tuple(self._missed(0)))
        return Verdict("passed", checks, (f"stage {self.knee + 1}: {self._missed(self.knee)[0]}",))

    def document(self, verdict: Verdict) -> dict[str, Any]:
        """Return what was measured, for the report and for who compares."""
        recorder, shape = self.recorder, self.recorder.shape
        return {
            "shape": shape.name,
            "agents": shape.agents,
            "began": recorder.began,
            "ended": self.ended,
            "verdict": verdict.document,
            "kinds": {kind: asdict(seen) for kind, seen in recorder.figures().items()},
            "stages": [self._stage(number) for number in range(len(shape.stages))],
            "knee": self.knee,
            "client": asdict(self.client),
            "processes": len(self.reports),
            "sockets": asdict(self.sockets),
            "errors": self._errors(),
            "series": recorder.series(),
        }

    def _stage(self, number: int) -> dict[str, Any]:
        stage, shape = self.recorder.shape.stages[number], self.recorder.shape
        seconds = sum(w.seconds for w in self.recorder.windows if w.stage == number)
        found = self.recorder.figures(number)
        return {
            "agents": stage.copies * shape.mix.agents,
            "users": stage.copies * shape.mix.users,
            "seconds": round(seconds, 1),
            "rate": round(_sent(found) / seconds, 1) if seconds else 0.0,
            "missed": self._missed(number),
            "kinds": {kind: asdict(seen) for kind, seen in found.items()},
        }

    def _errors(self) -> list[dict[str, Any]]:
        found = self.environment.stats.errors.values()
        rows: list[dict[str, Any]] = [
            {"what": f"{e.method} {e.name}", "error": str(e.error)[:200], "n": e.occurrences}
            for e in found
        ]
        return sorted(rows, key=lambda row: -row["n"])[:20]


def _sent(found: Mapping[str, Figures]) -> int:
    """Return how many requests and messages: a first token is part of its stream."""
    return sum(seen.n for kind, seen in found.items() if kind != kinds.FIRST)


def table(document: dict[str, Any]) -> str:
    """Return the figures for people: a line for each kind, then the verdict."""
    lines = [f"{'kind':<12} {'n':>7} {'failed':>7} {'p50':>8} {'p95':>8} {'p99':>8}"]
    lines += [
        f"{kind:<12} {f['n']:>7} {f['failed']:>7} {f['p50_ms']:>5.0f} ms {f['p95_ms']:>5.0f} ms "
        f"{f['p99_ms']:>5.0f} ms"
        for kind, f in document["kinds"].items()
    ]
    s, verdict = document["sockets"], document["verdict"]
    lines.append(
        f"{s['lost']} of {s['agents']} sockets lost, {s['missing']} of {s['sent']} messages lost, "
        f"{s['doubled']} doubled"
    )
    lines += [f"{row['n']} x {row['what']}: {row['error']}" for row in document["errors"][:5]]
    why, outcome = "; ".join(verdict["why"]), verdict["outcome"]
    if "blocks" in document and outcome == "passed":
        outcome = "both releases were measured"  # which is slower is not said here
    return "\n".join([*lines, f"{outcome}{': ' if why else ''}{why}"])
