"""One meter of one group of keys in this process: what it has reserved, and when it says no."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.access.usage import Grant, Meter, Unused

if TYPE_CHECKING:
    import asyncio
    from uuid import UUID

HOLD_SECONDS = 300.0  # a chunk at most: clocks of hosts drift apart
REFUSE_SECONDS = 1.0  # that a no is remembered: asking again for every request helps nobody
AHEAD = 4  # the next chunk is reserved when this part of one is left
_NEVER = float("-inf")


@dataclass
class Counter:
    """Times are seconds of the process's clock; the database's are only ever differences."""

    group: UUID
    meter: Meter
    limit: int
    left: int = 0
    until: float = _NEVER  # what is left may be used
    used_at: float = _NEVER
    pending: asyncio.Task[None] | None = field(default=None, repr=False)
    _grant: Grant | None = None
    _ends: float = _NEVER
    _refused: int = 0  # the least that was asked for in vain
    _refused_until: float = _NEVER
    _alone_until: float = _NEVER
    _alone: int = 0  # that may still be served without the database
    _served_alone: int = 0

    def take(self, amount: int, now: float) -> bool:
        """Use some of what is reserved, or nothing."""
        self.used_at = now
        if now >= self.until or self.left < amount:
            return False
        self.left -= amount
        return True

    def need(self, amount: int, now: float) -> int:
        """Return how much has to be reserved for an amount."""
        return amount - self.left if now < self.until else amount

    def old(self, now: float) -> Unused | None:
        """Take out what may not be used any more, to give it back; the period may still run."""
        return self.take_out() if now >= self.until else None

    def take_out(self) -> Unused | None:
        """Take out what is left, to give it back."""
        if self._grant is None or self.left <= 0:
            return None
        unused = self.part(self.left)
        self.left = 0
        return unused

    def part(self, amount: int) -> Unused | None:
        """Return what was just taken, for when it is not needed after all."""
        if self._grant is None:
            return None
        return Unused(group=self.group, meter=self.meter, period=self._grant.period, amount=amount)

    def put_back(self, unused: Unused, now: float) -> bool:
        """Keep what could not be given back or was not needed; False when its time is over."""
        if self._grant is None or self._grant.period != unused.period or now >= self.until:
            return False
        self.left += unused.amount
        return True

    def got(self, grant: Grant, amount: int, asked_at: float) -> None:
        """Add a reservation.

        It was asked for before the database looked at its clock, so what is reserved is never used
        past the end of its period.

        Args:
            grant: what the database said.
            amount: that it was asked for.
            asked_at: when.
        """
        if self._grant is None or self._grant.period != grant.period:
            self.left = 0
        self._grant, self.limit = grant, grant.limit
        self.left += grant.granted - self._served_alone  # at least this process's own part counts
        self._served_alone = 0
        self._ends = asked_at + grant.ends_in
        self.until = min(self._ends, asked_at + HOLD_SECONDS)
        self._alone_until = _NEVER
        if not grant.granted:
            self._refused = amount
            self._refused_until = min(self._ends, asked_at + REFUSE_SECONDS)

    def refuses(self, amount: int, now: float) -> bool:
        """Tell whether as much was refused a moment ago."""
        return now < self._refused_until and amount >= self._refused

    def low(self, now: float) -> bool:
        """Tell whether it is time to reserve the next chunk, ahead of need."""
        if self._grant is None or now >= self.until or not self._grant.room:
            return False
        return self._grant.granted >= AHEAD and self.left * AHEAD <= self._grant.granted

    def changed(self) -> None:
        """Forget what was refused: the limit is another one now."""
        self._refused_until = self.until = _NEVER

    def alone(self, share: int, now: float) -> bool:
        """Use a process's own part of a minute's limit, while the database is gone."""
        if now >= self._alone_until:
            self._alone_until, self._alone = now + 60, max(1, self.limit // share)
            self._served_alone = 0
        self._alone -= 1
        if self._alone < 0:
            return False
        self._served_alone += 1
        return True

    def retry_after(self, now: float) -> int:
        """Return the seconds until the period ends, rounded up."""
        return max(1, int(self._ends - now) + 1) if self._ends > now else 1

    def policy(self) -> str:
        """Return its part of `RateLimit-Policy`."""
        window = round(self._grant.window) if self._grant else 60
        return f'"{self.meter}";q={self.limit};w={window}'

    def state(self, now: float) -> str:
        """Return its part of `RateLimit`: what this process knows to be left."""
        room = self._grant.room if self._grant and now < self._ends else 0
        left = self.left if now < self.until else 0
        return f'"{self.meter}";r={left + room};t={self.retry_after(now)}'
