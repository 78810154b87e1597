"""One breaker: a state machine without a network, a database or a clock of its own."""

from __future__ import annotations

import enum
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER = float("-inf")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """So many failures within a time open it; then it is tried after each of the pauses."""

    failures: int = 5
    within: float = 60.0
    pauses: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0)  # the last one again and again

    def pause(self, failed: int) -> float:
        """Return how long to leave a provider alone after so many failed probes."""
        return self.pauses[min(failed, len(self.pauses) - 1)]


RULES = Rules()


class State(enum.StrEnum):
    """FORCED is open until an operator closes it."""

    CLOSED = "closed"
    OPEN = "open"
    FORCED = "forced"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What other processes need to know. `probe_in` is in seconds, so clocks may differ."""

    state: State
    failed_probes: int = 0
    probe_in: float = 0.0


class Permit:
    """The right to one call. Only `Breaker.admit` makes them; a provider is called with one."""

    __slots__ = ("at", "era", "probe")

    def __init__(self, at: float, era: int, *, probe: bool) -> None:
        self.at, self.era, self.probe = at, era, probe


class Breaker:
    """Counts failures of one model at one provider, and says when it may be called.

    Each permit is handed back once: `succeeded`, `failed`, `limited` or `released`.
    """

    def __init__(
        self,
        changed: Callable[[Breaker], None] = lambda _breaker: None,
        *,
        rules: Rules = RULES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changed, self._rules, self._clock = changed, rules, clock
        self.state = State.CLOSED
        self._failures: deque[float] = deque(maxlen=rules.failures)
        self._failed_probes = 0
        self._probe_at = _NEVER
        self._probe: Permit | None = None
        self._era = 0  # what was admitted before the last change says nothing about now
        self._held_until = _NEVER  # the provider said when to come back
        self._held = False  # it said so, and has not answered since

    @property
    def probing(self) -> bool:
        """Whether a call of a probe is under way."""
        return self.state is State.OPEN and self._probe is not None

    def wait(self) -> float:
        """Return the seconds until a call may be admitted: 0 now, infinite until an operator."""
        if self.state is State.FORCED:
            return float("inf")
        now = self._clock()
        if self.state is State.CLOSED:
            return max(0.0, self._held_until - now)
        free_at = max(self._probe_at, self._held_until)
        if self._probe is not None:  # a probe that hangs must not keep others away for ever
            free_at = max(free_at, self._probe.at + self._rules.pauses[-1])
        return max(0.0, free_at - now)

    def admit(self) -> Permit | None:
        """Return the right to a call, or None: see `wait`."""
        if self.wait() > 0:
            return None
        permit = Permit(self._clock(), self._era, probe=self.state is State.OPEN)
        if permit.probe:
            self._probe = permit
        return permit

    def succeeded(self, permit: Permit) -> None:
        """Note a good answer; that of a probe closes the breaker."""
        if permit.era != self._era:
            return
        self._held = False
        if permit.probe and permit is self._probe:
            self._turn(State.CLOSED)
            permit.era = self._era  # a stream goes on, and may still break

    def failed(self, permit: Permit) -> None:
        """Count a failure; late ones of calls from before a change are not."""
        if permit.era != self._era:
            return
        now = self._clock()
        if self.state is State.OPEN:
            if permit is self._probe:
                self._failed_probes += 1
                self._pause(now)
            return
        self._failures.append(now)
        full = len(self._failures) == self._rules.failures
        if full and now - self._failures[0] <= self._rules.within:
            self._turn(State.OPEN)

    def limited(self, permit: Permit, retry_after: float | None) -> None:
        """Note a 429: leave the provider alone as long as it says; it counts if that was done."""
        if permit.era != self._era:
            return
        first = not self._held or permit.at < self._held_until
        if not retry_after or not first or permit.probe:
            self.failed(permit)
        if retry_after:
            self._held = True
            self._held_until = max(self._held_until, self._clock() + retry_after)

    def released(self, permit: Permit) -> None:
        """Take a permit back whose call says nothing about the provider."""
        if permit is self._probe:
            self._probe = None

    def postpone(self, seconds: float) -> None:
        """Leave the next probe to another process."""
        self._probe_at = max(self._probe_at, self._clock() + seconds)

    def snapshot(self) -> Snapshot:
        """Return what other processes need to know."""
        if self.state is not State.OPEN:
            return Snapshot(state=self.state)
        probe_in = max(0.0, max(self._probe_at, self._held_until) - self._clock())
        return Snapshot(
            state=self.state, failed_probes=self._failed_probes, probe_in=round(probe_in, 3)
        )

    def adopt(self, snapshot: Snapshot) -> None:
        """Take over what another process or an operator found; that is not told on."""
        if snapshot.state is not self.state:
            self._reset(snapshot.state)
        elif snapshot.failed_probes < self._failed_probes or self._probe is not None:
            return
        self._failed_probes = snapshot.failed_probes
        self._probe_at = self._clock() + snapshot.probe_in

    def _turn(self, state: State) -> None:
        self._reset(state)
        if state is State.OPEN:
            self._pause(self._clock())
        else:
            self._changed(self)

    def _reset(self, state: State) -> None:
        self.state, self._era = state, self._era + 1
        self._failures.clear()
        self._failed_probes, self._probe = 0, None
        self._held, self._held_until = False, _NEVER

    def _pause(self, now: float) -> None:
        self._probe = None
        self._probe_at = now + self._rules.pause(self._failed_probes)
        self._changed(self)
