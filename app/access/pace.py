"""How many requests a minute sessions and strangers get from this process.

Keys have limits that hold over all processes (limits.py). What browsers do is bounded here, in
memory and in each process by itself: it protects the service and is nothing anybody pays for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 50_000  # who is remembered
WINDOW = 60.0  # seconds
ROUNDING = 0.01  # of a request, for what sums of floats lose


class Pace:
    """Lets each one make so many requests a minute: all at once, then one as time goes by.

    Of each the time is kept at which all is as if nothing had been asked (GCRA). Requests that are
    refused do not count.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._step = WINDOW / rate
        self._even: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._even)

    def count(self, who: str) -> dict[str, str]:
        """Count a request and return `RateLimit` and `RateLimit-Policy`.

        Raises:
            TooFast: none is left.
        """
        now = self._clock()
        even = max(now, self._even.pop(who, now)) + self._step
        fits = even - now <= WINDOW + self._step * ROUNDING
        self._keep(who, even if fits else even - self._step, now)
        if not fits:
            raise TooFast(int(even - WINDOW - now) + 1, self._said(even - self._step - now))
        return self._said(even - now)

    def _keep(self, who: str, even: float, now: float) -> None:
        """Remember the latest last, and forget those who asked longest ago."""
        self._even[who] = even
        while len(self._even) > 1:
            first = next(iter(self._even))
            if self._even[first] > now and len(self._even) <= MOST:
                return
            del self._even[first]

    def _said(self, used: float) -> dict[str, str]:
        left = max(0, int((WINDOW - used) / self._step + ROUNDING))
        return {
            "RateLimit-Policy": f'"minute";q={self._rate};w={WINDOW:.0f}',
            "RateLimit": f'"minute";r={left};t={int(used) + 1}',
        }


class TooFast(ApiError):
    """More requests than a minute's. `headers` say it to programs."""

    def __init__(self, retry_after: int, headers: dict[str, str]) -> None:
        super().__init__(429, "rate_limited", "too many requests: wait", retry_after=retry_after)
        self.headers = headers
