"""What a key may use is counted down in memory, reserved in chunks, and never passed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.access.counter import HOLD_SECONDS
from app.access.keys import ApiKey
from app.access.limits import Limiter
from app.access.usage import Meter
from app.errors import ApiError, Unauthorized, Unavailable
from app.settings import Settings
from tests.unit.app.conftest import FakeDatabase


@dataclass
class Stand:
    """One limiter, its clock, and the database, whose clock goes along."""

    limiter: Limiter
    database: FakeDatabase
    now: float = 1000.0

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.database.now += seconds

    def key(self, **fields: Any) -> ApiKey:
        """Add a key."""
        return self.database.rows[self.database.add(**fields).split("_")[1]]

    def change(self, key: ApiKey, **fields: Any) -> ApiKey:
        """Change a key's row and return it."""
        row = self.database.rows[key.public_id] = replace(key, **fields)
        return row

    def taken(self, meter: Meter = Meter.MINUTE) -> int:
        """Return what was reserved in the latest period of the only key."""
        return [
            n for (_, kind, _), n in sorted(self.database.taken.items(), key=str) if kind is meter
        ][-1]

    async def served(self, key: ApiKey, tries: int) -> int:
        """Return how many of some requests are served."""
        return [await self.status(key) for _ in range(tries)].count(200)

    async def status(self, key: ApiKey) -> int:
        """Return what a request gets."""
        try:
            await self.limiter.request(key)
        except ApiError as error:
            return error.status
        await asyncio.sleep(0)
        return 200


@pytest.fixture(name="stand")
def _stand(database: FakeDatabase, settings: Settings) -> Stand:
    stand = Stand(Limiter(database, settings), database)
    stand.limiter._clock = lambda: stand.now
    return stand


def another(stand: Stand, settings: Settings) -> Limiter:
    """Return another process on the same database."""
    return Limiter(stand.database, settings, lambda: stand.now)


@pytest.mark.parametrize("limit", [1, 2, 7, 8, 100, 1000])
async def test_exactly_the_limit_is_served_in_a_minute(stand: Stand, limit: int) -> None:
    key = stand.key(rate_limit=limit)
    assert await stand.served(key, limit + 20) == limit
    stand.later(29)
    assert await stand.served(key, 5) == 0
    stand.later(1)  # the next minute by the database's clock
    assert await stand.served(key, limit + 20) == limit


async def test_most_requests_do_not_ask_the_database(stand: Stand) -> None:
    key = stand.key(rate_limit=10_000)
    assert await stand.served(key, 10_000) == 10_000
    assert len(stand.database.asked) < 100


async def test_a_refused_key_does_not_ask_for_every_request(stand: Stand) -> None:
    key = stand.key(rate_limit=5)
    await stand.served(key, 10)
    stand.database.asked = []
    assert await stand.served(key, 100) == 0
    assert stand.database.asked == []
    stand.later(2)
    await stand.served(key, 100)
    assert len(stand.database.asked) == 1


async def test_several_processes_together_keep_to_the_limit(
    stand: Stand, settings: Settings
) -> None:
    key = stand.key(rate_limit=50)
    processes = [another(stand, settings) for _ in range(4)]
    served = 0
    for _ in range(40):
        for limiter in processes:
            stand.limiter = limiter
            served += await stand.status(key) == 200
    assert served == 50


@pytest.mark.timeout(10)
async def test_a_request_right_after_a_reservation_that_came_too_late_asks_anew(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is done has not told so yet: who waited for it then stopped the whole process."""
    key = stand.key(rate_limit=64)
    ask, others = stand.database.run, list[asyncio.Task[int]]()

    async def slow(*words: Any) -> Any:
        answer = await ask(*words)
        if not others:
            stand.later(HOLD_SECONDS)
            others.append(asyncio.create_task(stand.status(key)))
        return answer

    monkeypatch.setattr(stand.database, "run", slow)

    assert await stand.status(key) == 200
    assert await others[0] == 200
    assert len(stand.database.asked) == 2


async def test_many_at_once_reserve_together(stand: Stand) -> None:
    key = stand.key(rate_limit=64)
    found = await asyncio.gather(*(stand.status(key) for _ in range(5)))
    assert found == [200] * 5
    assert len(stand.database.asked) == 1


async def test_the_next_chunk_is_reserved_ahead_of_need(stand: Stand) -> None:
    key = stand.key(rate_limit=800)
    assert await stand.served(key, 75) == 75
    assert (stand.taken(), len(stand.database.asked)) == (187, 2)


async def test_a_client_that_goes_away_loses_nothing(stand: Stand) -> None:
    key = stand.key(rate_limit=8)
    gate = stand.database.gate = asyncio.Event()
    waiting = asyncio.create_task(stand.limiter.request(key))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.set()
    assert await stand.served(key, 20) == 8


async def test_a_refusal_says_when_the_period_ends(stand: Stand) -> None:
    key = stand.key(rate_limit=1)
    await stand.limiter.request(key)
    with pytest.raises(ApiError) as caught:
        await stand.limiter.request(key)
    error = caught.value
    assert (error.status, error.code, error.retry_after) == (429, "rate_limited", 31)
    stand.later(29.5)
    with pytest.raises(ApiError) as caught:
        await stand.limiter.request(key)
    assert caught.value.retry_after == 1


async def test_a_chunk_is_not_used_in_the_next_minute(stand: Stand) -> None:
    key = stand.key(rate_limit=80)
    await stand.limiter.request(key)
    assert stand.taken() == 10
    stand.later(30)
    assert await stand.served(key, 100) == 80


async def test_a_rest_of_the_last_minute_is_not_added_to_the_next(stand: Stand) -> None:
    """The database's clock may be ahead when the next chunk is reserved before the need."""
    key = stand.key(rate_limit=80)
    assert await stand.served(key, 7) == 7
    stand.database.now += 60
    assert await stand.served(key, 1) == 1
    assert await stand.served(key, 100) == 80


async def test_a_chunk_that_was_held_for_long_is_given_back_and_taken_anew(stand: Stand) -> None:
    """Clocks of hosts drift apart over a month: a chunk is not trusted for so long."""
    key = stand.key(rate_limit=1_000_000, request_budget=80)
    await stand.limiter.request(key)
    assert stand.taken(Meter.REQUESTS) == 10
    stand.later(400)
    await stand.limiter.request(key)
    assert stand.taken(Meter.REQUESTS) == 1 + 9
    assert await stand.served(key, 100) == 78


async def test_what_lies_idle_is_given_back(stand: Stand, settings: Settings) -> None:
    key = stand.key(rate_limit=1_000_000, request_budget=80)
    await stand.limiter.request(key)
    await stand.limiter.tidy()
    assert stand.taken(Meter.REQUESTS) == 10
    stand.later(31)
    await stand.limiter.tidy()
    assert stand.taken(Meter.REQUESTS) == 1
    assert not stand.limiter._counters
    stand.limiter = another(stand, settings)
    assert await stand.served(key, 100) == 79


async def test_what_could_not_be_given_back_is_kept(stand: Stand) -> None:
    key = stand.key(rate_limit=1_000_000, request_budget=80)
    await stand.limiter.request(key)
    stand.later(31)
    stand.database.gone = True
    await stand.limiter.tidy()
    stand.database.gone = False
    assert await stand.served(key, 100) == 79


async def test_everything_is_given_back_at_the_end(stand: Stand) -> None:
    key = stand.key(rate_limit=80, request_budget=800, token_budget=8000)
    await stand.limiter.request(key)
    await stand.limiter.spend(key, 500)
    await stand.limiter.close()
    assert [stand.taken(m) for m in Meter] == [1, 1, 500]


async def test_the_end_comes_without_a_database_too(stand: Stand) -> None:
    await stand.limiter.request(stand.key())
    stand.database.gone = True
    await stand.limiter.close()


async def test_keys_of_a_group_share(stand: Stand) -> None:
    first = stand.key(rate_limit=1_000_000, request_budget=10)
    second = stand.key(rate_limit=1_000_000, request_budget=10, group_id=first.id)
    served = [await stand.status(key) for key in (first, second) * 10]
    assert served.count(200) == 10


@pytest.mark.parametrize(("limit", "more"), [(40, 30), (5, 0), (10, 0)])
async def test_a_limit_that_changes_counts_at_once(stand: Stand, limit: int, more: int) -> None:
    key = stand.key(rate_limit=1_000_000, request_budget=800)
    assert await stand.served(key, 10) == 10
    key = stand.change(key, request_budget=limit)
    assert await stand.served(key, 100) == more


async def test_a_key_that_is_gone_is_refused(stand: Stand) -> None:
    key = stand.key()
    del stand.database.rows[key.public_id]
    with pytest.raises(Unauthorized):
        await stand.limiter.request(key)


async def test_tokens_are_spent_all_or_nothing(stand: Stand) -> None:
    key = stand.key(token_budget=1000)
    await stand.limiter.spend(key, 600)
    with pytest.raises(ApiError) as caught:
        await stand.limiter.spend(key, 401)
    assert (caught.value.status, caught.value.code) == (429, "budget_spent")
    await stand.limiter.spend(key, 400)
    assert stand.taken(Meter.TOKENS) == 1000


async def test_tokens_that_were_not_used_can_be_spent_again(stand: Stand) -> None:
    key = stand.key(token_budget=1000)
    spent = await stand.limiter.spend(key, 1000)
    await stand.limiter.refund(spent, 400)
    await stand.limiter.spend(key, 400)
    with pytest.raises(ApiError):
        await stand.limiter.spend(key, 1)
    await stand.limiter.refund(spent, 10**9)  # never more than were spent
    await stand.limiter.spend(key, 1000)
    with pytest.raises(ApiError):
        await stand.limiter.spend(key, 1)


async def test_a_refund_that_comes_late_goes_to_its_own_month(stand: Stand) -> None:
    key = stand.key(token_budget=1000)
    spent = await stand.limiter.spend(key, 1000)
    stand.later(60_000)
    await stand.limiter.spend(key, 1000)
    await stand.limiter.refund(spent, 500)
    with pytest.raises(ApiError):
        await stand.limiter.spend(key, 1)
    assert sorted(stand.database.taken.values()) == [500, 1000]


async def test_a_refund_after_a_rest_goes_to_the_database(stand: Stand) -> None:
    key = stand.key(token_budget=1000)
    spent = await stand.limiter.spend(key, 1000)
    stand.later(31)
    await stand.limiter.tidy()
    await stand.limiter.refund(spent, 400)
    assert stand.taken(Meter.TOKENS) == 600


async def test_without_a_budget_tokens_cost_nothing(stand: Stand) -> None:
    key = stand.key(token_budget=None)
    assert await stand.limiter.spend(key, 10**12) is None
    await stand.limiter.refund(None, 5)
    assert await stand.limiter.spend(stand.key(token_budget=0), 0) is None
    assert stand.database.asked == []
    with pytest.raises(ValueError, match="cannot be spent"):
        await stand.limiter.spend(key, -1)


async def test_without_the_database_a_part_of_a_minute_and_no_budget_is_served(
    stand: Stand,
) -> None:
    free, bound = stand.key(rate_limit=80), stand.key(request_budget=8, token_budget=8)
    stand.database.gone = True
    assert await stand.served(free, 50) == 10  # an eighth
    assert stand.database.asked == [None]
    stand.later(61)
    assert await stand.served(free, 50) == 10
    for work in (stand.limiter.request(bound), stand.limiter.spend(bound, 1)):
        with pytest.raises(Unavailable):
            await work
    stand.database.gone = False
    stand.later(120)
    assert await stand.served(free, 100) in (80, 81)  # nobody waits for the look if it is back


async def test_what_was_served_alone_counts_when_the_database_is_back(stand: Stand) -> None:
    key = stand.key(rate_limit=80)
    stand.database.gone = True
    assert await stand.served(key, 5) == 5
    stand.database.gone = False
    stand.later(2)
    assert await stand.served(key, 100) == 75


async def test_a_slow_database_is_waited_for(stand: Stand) -> None:
    """Else what is served alone would come on top of what others reserve."""
    key = stand.key(rate_limit=80)
    gate = stand.database.gate = asyncio.Event()
    waiting = [asyncio.create_task(stand.status(key)) for _ in range(50)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)
    gate.set()
    assert await asyncio.gather(*waiting) == [200] * 50


async def test_a_service_may_refuse_all_without_the_database(
    stand: Stand, settings: Settings
) -> None:
    stand.limiter = Limiter(stand.database, settings.model_copy(update={"limit_share": 0}))
    key = stand.key()
    stand.database.gone = True
    assert await stand.status(key) == 503


async def test_headers_say_what_is_left(stand: Stand) -> None:
    key = stand.key(rate_limit=80, request_budget=800)
    assert stand.limiter.headers(key) == {}
    await stand.limiter.request(key)
    assert stand.limiter.headers(key) == {
        "RateLimit-Policy": '"minute";q=80;w=60, "requests";q=800;w=60000',
        "RateLimit": '"minute";r=79;t=31, "requests";r=799;t=59971',
    }
    await stand.served(key, 100)
    assert re.match(r'"minute";r=0;t=31', stand.limiter.headers(key)["RateLimit"])
