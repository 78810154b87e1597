"""What keys may use: never exceeded across processes, and seldom a question to the database.

Each process reserves chunks ahead and counts them down in memory. What a process holds when it
crashes is lost until the period ends; nothing is ever used twice.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from app import log
from app.access.counter import Counter
from app.access.usage import Grant, Meter, Unused, UsageRepository
from app.errors import ApiError, Unauthorized, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from psycopg import AsyncConnection

    from app.access.keys import ApiKey
    from app.db import Transactions
    from app.settings import Settings

GONE_SECONDS = 1.0  # between two looks whether the database is back
LOOK_SECONDS = 5.0  # between two looks for what lies idle
IDLE_SECONDS = 30.0  # after which a chunk is given back
_WORDS = {
    Meter.MINUTE: ("rate_limited", "this key has used its requests of this minute"),
    Meter.REQUESTS: ("budget_spent", "this key has used its requests of this month"),
    Meter.TOKENS: ("budget_spent", "this key has not as many tokens left in this month"),
}
_log = log.get(__name__)


def clock() -> float:
    """Return seconds that also pass while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Limiter:
    """Counts what keys use. One per process."""

    def __init__(
        self, database: Transactions, settings: Settings, clock: Callable[[], float] = clock
    ) -> None:
        self._database, self._clock = database, clock
        self._share = settings.limit_share
        self._counters: dict[tuple[UUID, Meter], Counter] = {}
        self._gone = False  # the last reservation found no database
        self._look_at = float("-inf")

    async def request(self, key: ApiKey) -> None:
        """Count a request.

        Raises:
            ApiError: the key has none left (429).
            Unavailable: the database is gone, and the key has a budget.
        """
        await self._take(key, Meter.MINUTE, 1)
        if key.request_budget is not None:
            await self._take(key, Meter.REQUESTS, 1)

    async def spend(self, key: ApiKey, tokens: int) -> Unused | None:
        """Take tokens from a key's budget, all or nothing, before they are used.

        Returns:
            What `refund` takes when fewer were used; None when the key has no budget.

        Raises:
            ApiError: the key has not as many left (429).
            Unavailable: the database is gone.
        """
        if tokens < 0:
            raise ValueError(f"{tokens} tokens cannot be spent: see refund")
        if key.token_budget is None or not tokens:
            return None
        await self._take(key, Meter.TOKENS, tokens)
        return self._counter(key, Meter.TOKENS).part(tokens)

    async def refund(self, spent: Unused | None, tokens: int) -> None:
        """Give back those of the tokens that were spent in advance and not used."""
        if spent is None or tokens <= 0:
            return
        part = replace(spent, amount=min(tokens, spent.amount))
        counter = self._counters.get((spent.group, spent.meter))
        if counter is None or not counter.put_back(part, self._clock()):
            await self._give_back([part])

    def headers(self, key: ApiKey) -> dict[str, str]:
        """Return `RateLimit` and `RateLimit-Policy` of a key, after the IETF's draft."""
        now = self._clock()
        found = [self._counters.get((key.group, m)) for m in (Meter.MINUTE, Meter.REQUESTS)]
        counters = [counter for counter in found if counter is not None]
        if not counters:
            return {}
        return {
            "RateLimit-Policy": ", ".join(counter.policy() for counter in counters),
            "RateLimit": ", ".join(counter.state(now) for counter in counters),
        }

    async def _take(self, key: ApiKey, meter: Meter, amount: int) -> None:
        counter = self._counter(key, meter)
        while not counter.take(amount, self._clock()):
            now = self._clock()
            if counter.refuses(amount, now):
                code, message = _WORDS[meter]
                raise ApiError(429, code, message, retry_after=counter.retry_after(now))
            if self._gone:
                if now >= self._look_at and counter.pending is None:
                    self._look_at = now + GONE_SECONDS
                    self._begin(counter, key, amount)  # nobody waits for it
                return self._alone(counter, now)
            under_way = counter.pending
            if under_way is None or under_way.done():  # to wait for one that is done is no pause
                under_way = self._begin(counter, key, amount)
            try:
                await asyncio.shield(under_way)
            except Unavailable:
                return self._alone(counter, now)
        if counter.pending is None and counter.low(self._clock()):
            self._begin(counter, key, 1)
        return None

    def _alone(self, counter: Counter, now: float) -> None:
        """Serve a part of the requests of a minute without the database; budgets wait for it.

        Only when the database did not answer in all the time that it may take: while it is merely
        slow, others still reserve, and what is served alone would come on top.
        """
        if counter.meter is not Meter.MINUTE or not self._share:
            raise Unavailable
        if not counter.alone(self._share, now):
            raise ApiError(429, *_WORDS[Meter.MINUTE], retry_after=60)

    def _counter(self, key: ApiKey, meter: Meter) -> Counter:
        limits = {
            Meter.MINUTE: key.rate_limit,
            Meter.REQUESTS: key.request_budget,
            Meter.TOKENS: key.token_budget,
        }
        limit = limits[meter] or 0
        counter = self._counters.get((key.group, meter))
        if counter is None:
            counter = self._counters[key.group, meter] = Counter(key.group, meter, limit)
        elif counter.limit != limit:
            counter.limit = limit
            counter.changed()
        return counter

    def _begin(self, counter: Counter, key: ApiKey, amount: int) -> asyncio.Task[None]:
        """Reserve in a task of its own: a client that goes away must not lose a chunk."""
        task = asyncio.create_task(self._reserve(counter, key, amount))
        counter.pending = task

        def done(ended: asyncio.Task[None]) -> None:
            if counter.pending is ended:
                counter.pending = None
            if not ended.cancelled():
                ended.exception()

        task.add_done_callback(done)
        return task

    async def _reserve(self, counter: Counter, key: ApiKey, amount: int) -> None:
        asked_at = self._clock()
        need, back = max(1, counter.need(amount, asked_at)), counter.old(asked_at)

        async def work(connection: AsyncConnection) -> Grant | None:
            return await UsageRepository(connection).reserve(key, counter.meter, need, back)

        try:
            grant = await self._database.run(work)
        except Unavailable:
            self._gone, self._look_at = True, self._clock() + GONE_SECONDS
            raise
        self._gone = False
        if grant is None:
            raise Unauthorized
        counter.got(grant, amount, asked_at)

    async def run(self) -> None:
        """Give back what lies idle, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.tidy()

    async def tidy(self, idle: float = IDLE_SECONDS) -> None:
        """Give back what was not used for a while, and forget who does not come any more."""
        before = self._clock() - idle
        resting = [
            (name, counter)
            for name, counter in self._counters.items()
            if counter.used_at <= before and counter.pending is None
        ]
        taken_out = [(counter, counter.take_out()) for _, counter in resting]
        unused = [(counter, part) for counter, part in taken_out if part is not None]
        for name, _ in resting:
            del self._counters[name]
        if unused and not await self._give_back([part for _, part in unused]):
            for counter, part in unused:
                counter.put_back(part, self._clock())
                self._counters.setdefault((counter.group, counter.meter), counter)

    async def _give_back(self, unused: list[Unused]) -> bool:
        try:
            await self._database.run(lambda c: UsageRepository(c).give_back(unused))
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        """Give back everything that is reserved and not used."""
        pending = [c.pending for c in self._counters.values() if c.pending is not None]
        await asyncio.gather(*pending, return_exceptions=True)
        unused = [x for x in (c.take_out() for c in self._counters.values()) if x is not None]
        if unused and not await self._give_back(unused):
            _log.warning("limits.not_given_back", groups=len(unused))
