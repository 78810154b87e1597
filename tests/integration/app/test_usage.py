"""Reservations in a real database: one statement that never grants more than is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from app.access.keys import ApiKey, ApiKeyRepository, Limits
from app.access.usage import Meter, Unused, UsageRepository
from app.access.users import UserRepository

LIMITS = Limits(rate_limit=80, request_budget=800, token_budget=8)
MONTH = 28 * 24 * 3600


@pytest.fixture(name="key")
async def _key(connection: psycopg.AsyncConnection) -> ApiKey:
    user = await UserRepository(connection).create("ann@example.org")
    assert user is not None
    return await ApiKeyRepository(connection).create(
        user.id, public_id="a", key_hash="h", verifier=None, name="x", limits=LIMITS
    )


async def granted(usage: UsageRepository, key: ApiKey, meter: Meter, need: int = 1) -> int:
    """Reserve, and return what was got."""
    grant = await usage.reserve(key, meter, need)
    assert grant is not None
    return grant.granted


async def test_chunks_become_smaller_and_together_are_the_limit(
    connection: psycopg.AsyncConnection, key: ApiKey
) -> None:
    usage, chunks = UsageRepository(connection), list[int]()
    while chunk := await granted(usage, key, Meter.REQUESTS):
        chunks.append(chunk)
    assert (chunks[:3], chunks[-1], sum(chunks)) == ([100, 87, 76], 1, 800)
    assert await usage.taken(key.group) == {
        Meter.MINUTE: 0, Meter.REQUESTS: 800, Meter.TOKENS: 0,
    }  # fmt: skip


async def test_what_is_needed_is_granted_whole_or_not_at_all(
    connection: psycopg.AsyncConnection, key: ApiKey
) -> None:
    usage = UsageRepository(connection)
    assert [await granted(usage, key, Meter.TOKENS, n) for n in (9, 5, 4, 3, 1)] == [0, 5, 0, 3, 0]


@pytest.mark.parametrize(
    ("meter", "window"), [(Meter.MINUTE, (60, 60)), (Meter.TOKENS, (MONTH, MONTH + 3 * 86_400))]
)
async def test_a_grant_says_when_its_period_ends(
    connection: psycopg.AsyncConnection, key: ApiKey, meter: Meter, window: tuple[int, int]
) -> None:
    grant = await UsageRepository(connection).reserve(key, meter, 1)
    assert grant is not None
    assert window[0] <= grant.window <= window[1]
    assert 0 < grant.ends_in <= grant.window
    assert grant.limit == {Meter.MINUTE: 80, Meter.TOKENS: 8}[meter]
    assert grant.room == grant.limit - grant.granted


async def test_a_new_period_begins_with_everything(
    connection: psycopg.AsyncConnection, key: ApiKey
) -> None:
    usage = UsageRepository(connection)
    assert await granted(usage, key, Meter.MINUTE, 80) == 80
    await connection.execute("UPDATE key_usage SET period = period - interval '1 minute'")
    assert await granted(usage, key, Meter.MINUTE, 80) == 80
    assert await granted(usage, key, Meter.MINUTE) == 0


async def test_a_period_never_goes_back(connection: psycopg.AsyncConnection, key: ApiKey) -> None:
    """Who waited for the row over the end of a minute does not begin the last one again."""
    usage = UsageRepository(connection)
    assert await granted(usage, key, Meter.MINUTE, 50) == 50
    await connection.execute("UPDATE key_usage SET period = period + interval '1 minute'")
    grant = await usage.reserve(key, Meter.MINUTE, 30)
    assert grant is not None
    assert (grant.granted, grant.room) == (30, 0)
    assert 60 <= grant.ends_in <= 120
    assert await granted(usage, key, Meter.MINUTE) == 0


async def test_what_is_given_back_can_be_had_again_in_its_period_alone(
    connection: psycopg.AsyncConnection, key: ApiKey
) -> None:
    usage = UsageRepository(connection)
    grant = await usage.reserve(key, Meter.TOKENS, 8)
    assert grant is not None
    some = Unused(group=key.group, meter=Meter.TOKENS, period=grant.period, amount=3)
    await usage.give_back([some])
    assert await granted(usage, key, Meter.TOKENS, 4) == 0
    again = await usage.reserve(key, Meter.TOKENS, 4, back=some)
    assert again is not None
    assert (again.granted, again.room) == (4, 2)
    assert await granted(usage, key, Meter.TOKENS, 2) == 2
    await usage.give_back([replace(some, period=grant.period - timedelta(days=31))])
    assert await granted(usage, key, Meter.TOKENS) == 0


async def test_a_key_that_is_gone_gets_nothing(
    connection: psycopg.AsyncConnection, key: ApiKey
) -> None:
    await ApiKeyRepository(connection).delete(key.id)
    assert await UsageRepository(connection).reserve(key, Meter.MINUTE, 1) is None


async def test_usage_goes_with_its_user(connection: psycopg.AsyncConnection, key: ApiKey) -> None:
    await UsageRepository(connection).reserve(key, Meter.MINUTE, 1)
    await UserRepository(connection).delete(key.user_id)
    cursor = await connection.execute("SELECT count(*) FROM key_usage")
    assert await cursor.fetchone() == (0,)


async def test_keys_of_a_group_are_limited_together(
    connection: psycopg.AsyncConnection, key: ApiKey
) -> None:
    keys = ApiKeyRepository(connection)
    second = await keys.create(
        key.user_id, public_id="b", key_hash="i", verifier=None, name="x", group_id=key.group
    )
    assert await keys.limit(key.group, Limits(rate_limit=7)) == 2
    found = [await keys.find_by_id(each.id) for each in (key, second)]
    assert [each.limits if each else None for each in found] == [Limits(rate_limit=7)] * 2
