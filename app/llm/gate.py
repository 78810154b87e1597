"""How many calls a provider gets at once, how many wait for that, and for how long."""

from __future__ import annotations

import asyncio
from collections import deque

from app.llm.failures import Failure, Kind


class Gate:
    """Places at one provider. Who waits is served in order; who cannot even wait is told so."""

    def __init__(self, places: int, waiting: int, seconds: float) -> None:
        self._places, self._most_waiting, self._seconds = places, waiting, seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Take a place, which `leave` gives back. Raises Failure: full, or waited too long."""
        if self.taken < self._places:
            self.taken += 1
            return
        if len(self._waiting) >= self._most_waiting:
            raise self._full()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place came at the moment of giving up
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise self._full() from None
            raise

    def leave(self) -> None:
        """Give a place back, to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.taken -= 1

    def _full(self) -> Failure:
        return Failure(
            Kind.FULL, "too many requests wait for this model", retry_after=max(1.0, self._seconds)
        )
