"""What an edge itself sees of a new colour after a switch: its clients, by HAProxy's counters."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import haproxy, verdict

if TYPE_CHECKING:
    from ansible_collections.dash.platform.plugins.module_utils.switch import Edge

EVERY = 1.0  # seconds between two looks
DEAD = 2.0  # seconds without a server, or without HAProxy, that are too many
FEW = 20  # requests below which failures are no more than noise


@dataclass
class Watch:
    """One watch: the colour now, the one before it, and what was counted when it began."""

    edge: Edge
    identity: str
    color: str
    previous: str = ""
    _base: haproxy.Backend = field(default_factory=haproxy.Backend)
    _last_up: float = 0.0

    def run(self, seconds: float) -> dict[str, Any]:
        """Look once a second; return a verdict as soon as it is bad, or at the end.

        The document is that of `verdict.judge`. Fewer than 20 requests never fail a release;
        a colour without a server does, and so does an edge that went back meanwhile.
        """
        self._base = self._backend(self.color) or haproxy.Backend()
        self._last_up = time.monotonic()
        end = time.monotonic() + seconds
        while True:
            judged = self.look()
            if judged["verdict"] == "fail" or time.monotonic() >= end:
                return judged
            time.sleep(min(EVERY, max(0.0, end - time.monotonic())))

    def look(self) -> dict[str, Any]:
        """Return the verdict on what was counted so far."""
        held = self.edge.operation.current()
        if held is None or held["id"] != self.identity or held["state"] == "reverted":
            return _failed(0, 0, f"the edge no longer serves from {self.color}: it went back")
        seen = self._backend(self.color)
        now = time.monotonic()
        self._last_up = now if seen is not None and seen.up else self._last_up
        n, failed = self._counted(seen)
        if now - self._last_up > DEAD:
            what = "HAProxy does not answer" if seen is None else f"no server of {self.color} is up"
            return _failed(n, failed, f"{what} for {now - self._last_up:.0f} s")
        judged = verdict.judge(verdict.Sample(n, failed), self._baseline())
        if judged["verdict"] == "fail" and n < FEW:
            why = f"{failed} of {n} requests failed: too few to tell"
            judged = {**judged, "verdict": "inconclusive", "why": why}
        return judged

    def _counted(self, seen: haproxy.Backend | None) -> tuple[int, int]:
        """Return requests and failures since the watch began."""
        if seen is None:
            return 0, 0
        if seen.requests < self._base.requests or seen.errors < self._base.errors:
            self._base = haproxy.Backend()  # HAProxy was restarted: it counts from nought
        n = seen.requests - self._base.requests
        return n, min(seen.errors - self._base.errors, n)

    def _baseline(self) -> verdict.Sample:
        """Return what the old colour is known to fail since HAProxy counts."""
        old = self._backend(self.previous) if self.previous else None
        return verdict.Sample(old.requests, min(old.errors, old.requests)) if old else _NOTHING

    def _backend(self, color: str) -> haproxy.Backend | None:
        try:
            return self.edge.runtime.color(color)
        except haproxy.HaproxyError:
            return None


_NOTHING = verdict.Sample(0, 0)


def _failed(n: int, failures: int, why: str) -> dict[str, Any]:
    return {"verdict": "fail", "n": n, "failures": failures, "why": why}


def drain(runtime: haproxy.Runtime, color: str, seconds: float) -> int:
    """Wait until a colour has no session left; return how many are after so many seconds.

    Raises haproxy.HaproxyError.
    """
    end = time.monotonic() + seconds
    while (left := runtime.color(color).sessions) and time.monotonic() < end:
        time.sleep(2 * haproxy.POLL)
    return left
