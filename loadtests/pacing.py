"""When a user acts next: arrivals at random (Poisson) at a mean rate, whatever the answers take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

BEHIND = 5.0  # seconds after which what is due is given up, and counted as not sent


@dataclass
class Pace:
    """One user's arrivals. What is late is made up for; what is far behind is never sent."""

    rate: float
    random: Random
    due: int = 0
    sent: int = 0
    _next: float | None = field(default=None)

    def wait(self, now: float) -> float:
        """Return the seconds until the next arrival, which counts as sent."""
        if self._next is None:
            self._next = now
        self._next += self.random.expovariate(self.rate)
        self.due += 1
        while self._next < now - BEHIND:
            self._next += self.random.expovariate(self.rate)
            self.due += 1
        self.sent += 1
        return max(0.0, self._next - now)
