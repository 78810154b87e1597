"""Keys are checked from memory when that is right, and from the database when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.access import auth, hashing
from app.access.auth import Authenticator
from app.errors import ApiError, Unauthorized, Unavailable
from app.metrics import Metrics
from app.settings import Settings
from tests.unit.app.conftest import FakeDatabase

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(name="authenticator")
async def _authenticator(
    database: FakeDatabase, settings: Settings
) -> AsyncIterator[Authenticator]:
    made = Authenticator(database, settings, Metrics("1", "blue"))
    made.cache.listening = True
    yield made
    database.gone = False
    await made.close()


async def email(authenticator: Authenticator, key: str) -> str:
    """Return whom a key belongs to."""
    return (await authenticator.authenticate(f"Bearer {key}")).email


async def refused(authenticator: Authenticator, key: str) -> bool:
    """Tell whether a key is refused."""
    try:
        await authenticator.authenticate(f"Bearer {key}")
    except Unauthorized:
        return True
    return False


def hash_checks(authenticator: Authenticator) -> float:
    """Return how often bcrypt was asked."""
    return float(authenticator._metrics.hash_checks._value.get())


def wrong(key: str) -> str:
    """Return a key with the same public id and another secret."""
    return key[:-1] + ("a" if key[-1] != "a" else "b")


async def test_a_key_is_read_once_and_then_served_from_memory(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key = database.add()
    assert {await email(authenticator, key) for _ in range(5)} == {"ann@example.org"}
    assert len(database.asked) == 1
    assert hash_checks(authenticator) == 0


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer nonsense", "dash_x_y", "Bearer dash_a_b"],
)
async def test_what_is_no_key_is_refused_without_asking_the_database(
    authenticator: Authenticator, database: FakeDatabase, header: str | None
) -> None:
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(header)
    assert database.asked == []


async def test_the_scheme_may_be_written_in_any_case(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    assert (await authenticator.authenticate(f"bearer  {database.add()} ")).role == "user"


async def test_an_unknown_key_is_refused(authenticator: Authenticator) -> None:
    assert await refused(authenticator, hashing.new_key()[2])


@pytest.mark.parametrize("warm", [True, False])
async def test_a_wrong_secret_is_refused_and_costs_no_bcrypt(
    authenticator: Authenticator, database: FakeDatabase, warm: bool
) -> None:
    key = database.add()
    if warm:
        await email(authenticator, key)
    assert await refused(authenticator, wrong(key))
    assert hash_checks(authenticator) == 0
    assert await email(authenticator, key)


@pytest.mark.parametrize(
    "fields",
    [
        {"is_active": False},
        {"user_is_active": False},
        {"expires_at": LONG_AGO},
        {"expires_at": datetime.now(UTC) - timedelta(seconds=1)},
    ],
    ids=["revoked", "user", "expired", "just-expired"],
)
async def test_a_key_that_may_not_is_refused(
    authenticator: Authenticator, database: FakeDatabase, fields: dict[str, Any]
) -> None:
    assert await refused(authenticator, database.add(**fields))


async def test_a_key_expires_while_it_is_in_memory(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key = database.add(expires_at=datetime.now(UTC) + timedelta(seconds=0.2))
    assert await email(authenticator, key)
    await asyncio.sleep(0.25)
    assert await refused(authenticator, key)


@pytest.mark.parametrize("pepper", [None, "another pepper of 16"], ids=["import", "rotation"])
async def test_without_a_verifier_bcrypt_decides_once_and_renews_it(
    authenticator: Authenticator, database: FakeDatabase, pepper: str | None
) -> None:
    key = database.add(pepper=pepper)
    assert await refused(authenticator, wrong(key))
    assert {await email(authenticator, key) for _ in range(3)} == {"ann@example.org"}
    assert hash_checks(authenticator) == 2
    row = database.rows[key.split("_")[1]]
    assert row.verifier == hashing.verifier(
        hashing.parse(key)[1],  # type: ignore[index]  # it is well-formed
        row.public_id,
        authenticator._pepper,
    )


async def test_a_key_that_many_use_at_once_is_read_and_proved_once(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key = database.add(pepper=None)
    found = await asyncio.gather(*(email(authenticator, key) for _ in range(20)))
    assert set(found) == {"ann@example.org"}
    assert hash_checks(authenticator) == 1
    assert len(database.asked) == 2  # one read, one renewal


async def test_too_many_that_wait_for_bcrypt_are_told_to_come_back(
    authenticator: Authenticator, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "MOST_WAITING", 2)
    keys = [database.add(pepper=None) for _ in range(6)]
    found = await asyncio.gather(
        *(email(authenticator, key) for key in keys), return_exceptions=True
    )
    busy = [x for x in found if isinstance(x, ApiError)]
    assert found.count("ann@example.org") == 2
    assert {(x.status, x.code, x.retry_after) for x in busy} == {(429, "busy", 1)}


async def test_a_changed_key_is_read_again(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key = database.add()
    await email(authenticator, key)
    public_id = database.change(key, is_active=False)
    assert await email(authenticator, key)  # nobody said it yet
    authenticator.forget(public_id)
    assert await refused(authenticator, key)


async def test_a_change_that_overtakes_a_read_is_not_lost(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    """The row is read, then the key is revoked and that is heard, then the read ends."""
    key = database.add()
    database.gate = asyncio.Event()
    early = asyncio.create_task(email(authenticator, key))
    await asyncio.sleep(0.01)
    authenticator.forget(database.change(key, is_active=False))
    late = asyncio.create_task(refused(authenticator, key))
    await asyncio.sleep(0.01)
    database.gate.set()
    assert await early == "ann@example.org"  # it asked before the change
    assert await late
    assert await refused(authenticator, key)


async def test_known_keys_go_on_while_the_database_is_gone(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key, unseen = database.add(), database.add()
    await email(authenticator, key)
    authenticator.cache.doubt()
    database.gone = True
    assert {await email(authenticator, key) for _ in range(10)} == {"ann@example.org"}
    with pytest.raises(Unavailable) as caught:
        await email(authenticator, unseen)
    assert (caught.value.status, caught.value.retry_after) == (503, 5)


async def test_a_database_that_is_gone_is_asked_seldom_and_briefly(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key = database.add()
    await email(authenticator, key)
    authenticator.cache.doubt()
    database.gone, database.asked = True, []
    for _ in range(10):
        await email(authenticator, key)
    assert database.asked == [auth.QUICK_SECONDS]


async def test_an_unknown_key_waits_as_long_as_the_database_may_take(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    database.gone = True
    with pytest.raises(Unavailable):
        await email(authenticator, database.add())
    assert database.asked == [None]


async def test_an_outage_is_bridged_for_a_bounded_time(
    authenticator: Authenticator, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = database.add()
    await email(authenticator, key)
    now = authenticator.cache._clock()
    monkeypatch.setattr(authenticator.cache, "_clock", lambda: now + 601)
    database.gone = True
    with pytest.raises(Unavailable):
        await email(authenticator, key)


async def test_after_an_outage_the_database_decides_again(
    authenticator: Authenticator, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "GONE_SECONDS", 0.0)
    key = database.add()
    await email(authenticator, key)
    authenticator.cache.doubt()
    database.gone = True
    assert await email(authenticator, key)
    database.gone = False
    database.change(key, is_active=False)
    assert await refused(authenticator, key)


async def test_a_revoked_key_that_was_heard_of_does_not_bridge_an_outage(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key = database.add()
    await email(authenticator, key)
    authenticator.forget(key.split("_")[1])
    database.gone = True
    with pytest.raises(Unavailable):
        await email(authenticator, key)


async def test_a_verifier_that_cannot_be_written_does_not_refuse_the_key(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    key = database.add(pepper=None)
    row = await authenticator._read(key.split("_")[1])
    database.gone = True
    assert row.verifier is None
    assert await email(authenticator, key) == "ann@example.org"


async def test_when_keys_were_used_is_written_together_and_not_lost_in_an_outage(
    authenticator: Authenticator, database: FakeDatabase
) -> None:
    used, unused = database.add(), database.add()
    for _ in range(3):
        await email(authenticator, used)
    await refused(authenticator, wrong(unused))
    database.gone = True
    await authenticator.note_used()
    assert database.written == []
    database.gone = False
    await authenticator.note_used()
    await authenticator.note_used()
    ((ids, times),) = database.written
    assert ids == [database.rows[used.split("_")[1]].id]
    assert abs((datetime.now(UTC) - times[0]).total_seconds()) < 5
