"""Adds answers up into the report (its form stands in the package).

A bad answer counts as failed unless it is excused: while a request has had no good answer yet,
answers that are bad in the same way as its first one are what it got before the deploy did
anything. Its first good answer ends the excuse for good.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ops.probing.answer import KINDS, Answer
from ops.probing.histogram import Histogram
from ops.probing.summary import summary_line

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURES_KEPT = 50
SECONDS_KEPT = 600  # the report is written twice a second: it must not grow with the hours
SILENCE = 5.0  # seconds without any answer: nothing is known about the other side
Report = dict[str, Any]


@dataclass
class _Group:
    """Figures of one colour or version."""

    failed: int = 0
    latencies: Histogram = field(default_factory=Histogram)

    def add(self, answer: Answer, *, failed: bool) -> None:
        self.failed += failed
        self.latencies.add(answer.latency_ms)


@dataclass
class _Second:
    """Figures of one second of the wall clock."""

    t: int
    n: int = 0
    failed: int = 0
    kinds: dict[str, list[int]] = field(default_factory=lambda: {kind: [0, 0] for kind in KINDS})
    colors: defaultdict[str, _Group] = field(default_factory=lambda: defaultdict(_Group))

    def add(self, answer: Answer, *, failed: bool) -> None:
        self.n += 1
        self.failed += failed
        counts = self.kinds[answer.kind]
        counts[0] += 1
        counts[1] += failed
        if answer.color:
            self.colors[answer.color].add(answer, failed=failed)

    def document(self) -> Report:
        colors = {
            color: {
                "n": group.latencies.count,
                "failed": group.failed,
                "p95_ms": group.latencies.percentile(95),
            }
            for color, group in self.colors.items()
        }
        kinds = {kind: counts for kind, counts in self.kinds.items() if counts[0]}
        return {
            "t": self.t, "n": self.n, "failed": self.failed, "kinds": kinds, "colors": colors
        }  # fmt: skip


@dataclass
class _Excuses:
    """Which requests are not judged, and for which fault."""

    active: dict[str, str]
    first_may_excuse: bool
    judged: set[str] = field(default_factory=set)

    def cover(self, answer: Answer) -> bool:
        """Tell whether a bad answer is excused; a good one ends the request's excuse."""
        if not answer.fault:
            self.active.pop(answer.request, None)
            self.judged.add(answer.request)
        elif self.first_may_excuse and answer.request not in self.judged | self.active.keys():
            self.active[answer.request] = answer.fault
        return bool(answer.fault) and self.active.get(answer.request) == answer.fault


class Tally:
    """All answers of a run, added up."""

    def __init__(
        self, rate: float, *, baseline: bool = True, excused: Mapping[str, str] | None = None
    ) -> None:
        """Start counting now.

        Args:
            rate: requests a second that are due.
            baseline: whether a request's own first answer can be its excuse.
            excused: request → fault that another run found before anything was changed.
        """
        self.sent = 0
        self.note = ""
        self.own_delay = 0.0  # seconds that the prober itself was late at worst
        self._interval = 1 / rate
        self._offset = time.time() - time.monotonic()
        self._started = time.monotonic()
        self._excuses = _Excuses(dict(excused or {}), baseline)
        self._kinds = {kind: {"n": 0, "failed": 0, "excused": 0} for kind in KINDS}
        self._seen: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._answered = self._limited = 0
        self._last_answer = self._last_good = self._started
        self._last_failed: float | None = None
        self._worst_gap = 0.0
        self._good = False
        self._colors: defaultdict[str, _Group] = defaultdict(_Group)
        self._versions: defaultdict[str, _Group] = defaultdict(_Group)
        self.color = ""  # that answered last
        self._color_since = 0.0
        self._switches: list[Report] = []
        self._failures: list[Report] = []
        self._closed: deque[Report] = deque(maxlen=SECONDS_KEPT)
        self._second: _Second | None = None

    def record(self, answer: Answer) -> None:
        """Count one finished request; call in the order in which they finish."""
        excused = self._excuses.cover(answer)
        failed = bool(answer.fault) and not excused
        kind = self._kinds[answer.kind]
        kind["n"] += 1
        kind["failed"] += failed
        kind["excused"] += excused
        self._seen[answer.kind].add(answer.request)
        self._limited += answer.limited
        if answer.status:
            self._answered += 1
            self._last_answer = answer.done
        if not answer.fault and not answer.limited:
            self._good_at(answer.done)
        if not excused:  # what is not judged counts in its kind only
            self._group(answer, failed=failed)
        self._follow_color(answer)
        if failed:
            self._last_failed = answer.done
            if len(self._failures) < FAILURES_KEPT:
                self._failures.append(self._failure(answer))

    def _good_at(self, done: float) -> None:
        if self._good:  # what came before the first good answer is no gap between two
            self._worst_gap = max(self._worst_gap, done - self._last_good - self._interval)
        self._good = True
        self._last_good = done

    def _group(self, answer: Answer, *, failed: bool) -> None:
        t = int(answer.done + self._offset)
        if self._second is None or self._second.t != t:
            if self._second is not None:
                self._closed.append(self._second.document())
            self._second = _Second(t)
        self._second.add(answer, failed=failed)
        if answer.color:
            self._colors[answer.color].add(answer, failed=failed)
        if answer.version:
            self._versions[answer.version].add(answer, failed=failed)

    def _follow_color(self, answer: Answer) -> None:
        """Note a change of colour, once: requests that were under way then do not flap it."""
        if not answer.color or answer.color == self.color:
            return
        if self.color and answer.started <= self._color_since:
            return
        if self.color:
            t = round(answer.done + self._offset, 3)
            self._switches.append({"t": t, "from": self.color, "to": answer.color})
        self.color = answer.color
        self._color_since = answer.done

    def _failure(self, answer: Answer) -> Report:
        what: Report = {"error": answer.error} if answer.error else {"status": answer.status}
        return {
            "t": round(answer.done + self._offset, 3),
            "kind": answer.kind,
            **what,
            "color": answer.color,
            "request": answer.request,
            "request_id": answer.request_id,
        }

    def report(
        self, *, running: bool, sending_ended: float | None = None, beside: Report | None = None
    ) -> Report:
        """Return the report as of now.

        Args:
            running: whether requests are still to come.
            sending_ended: when sending stopped (monotonic): silence after it is no gap.
            beside: sockets, streams and losses.
        """
        now = time.monotonic()
        until = now if sending_ended is None else min(now, sending_ended)
        gap = max(self._worst_gap, until - self._last_good - self._interval, 0)
        report: Report = {
            "started": round(self._started + self._offset, 3),
            "ended": None if running else round(now + self._offset, 3),
            "updated": round(now + self._offset, 3),
            "running": running,
            **self._totals(),
            **self._groups(),
            "note": self.note,
            "worst_gap_ms": round(gap * 1000, 1),
            "own_delay_ms": round(self.own_delay * 1000, 1),
            "last_failed": self._last_failed and round(self._last_failed + self._offset, 3),
            "switches": self._switches,
            "failures": self._failures,
            "reachable": self._answered > 0 and until - self._last_answer < SILENCE,
            "seconds": [*self._closed, *([self._second.document()] if self._second else [])],
            **(beside or {}),
        }
        return {**report, "summary": summary_line(report)}

    def _totals(self) -> Report:
        n, failed, excused = (
            sum(kind[key] for kind in self._kinds.values()) for key in ("n", "failed", "excused")
        )
        return {
            "sent": self.sent,
            "answered": self._answered,
            "failed": failed,
            "judged": n - excused,
            "limited": self._limited,
            "unfinished": self.sent - n,
            "not_judged": dict(sorted(self._excuses.active.items())),
        }

    def _groups(self) -> Report:
        return {
            "by_kind": {
                kind: {**counts, "judged": not self._seen[kind] <= self._excuses.active.keys()}
                for kind, counts in self._kinds.items()
            },
            "by_color": {
                color: {
                    "n": group.latencies.count,
                    "failed": group.failed,
                    **{f"p{p}_ms": group.latencies.percentile(p) for p in (50, 95, 99)},
                }
                for color, group in self._colors.items()
            },
            "by_version": {
                version: {"n": group.latencies.count, "failed": group.failed}
                for version, group in self._versions.items()
            },
        }
