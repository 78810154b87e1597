"""Which passwords are taken, and that checking them is bounded and the same for everybody."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from app.access import hashing, passwords
from app.access.attempts import network, wait
from app.access.passwords import Passwords, WeakPassword
from app.errors import ApiError

EMAIL = "someone.long@example.org"


@pytest.fixture(name="pool")
def _pool() -> Iterator[Passwords]:
    made = Passwords(1)
    yield made
    made.close()


@pytest.mark.parametrize(
    "password",
    [
        "",
        "elevenchars",
        "x" * 129,
        "ﬃ" * 43 + "y",  # 130 characters after normalising
        "password1234",
        "PassWord!!!!",
        "passwordpassword",
        "qwertyuiop12",
        "dashplatform",
        "Dash Platform 1",
        "dashdashdash",
        "123456789012",
        "zzzzzzzzzzzz",
        "ＰＡＳＳＷＯＲＤ１２３４",  # noqa: RUF001 -- that is the point
        EMAIL,
        EMAIL.upper(),
        "someone.long",
    ],
    ids=range(17),
)
def test_what_would_be_guessed_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        passwords.check(password, EMAIL)
    assert caught.value.status == 422
    assert not password or password not in str(caught.value)


@pytest.mark.parametrize(
    "password", ["elevenchars.", "a heron under seven bridges", "x1" * 63 + "yz", "ﬃ" * 40 + "abc"]
)
def test_what_is_long_enough_and_not_common_is_taken(password: str) -> None:
    passwords.check(password, EMAIL)


async def test_every_character_of_a_long_password_counts(pool: Passwords) -> None:
    kept = await pool.hashed("x" * 127 + "a")
    assert await pool.matches("x" * 127 + "a", kept)
    assert not await pool.matches("x" * 127 + "b", kept)
    assert not await pool.matches("x" * 72, kept)


async def test_keyboards_that_write_differently_open_the_same(pool: Passwords) -> None:
    assert await pool.matches("Cafe\u0301 am Fluss", await pool.hashed("Caf\u00e9 am Fluss"))


async def test_a_user_that_is_not_there_costs_the_same_work(
    pool: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = hashing.matches

    def noted(secret: str, kept: str) -> bool:
        seen.append(kept)
        return real(secret, kept)

    monkeypatch.setattr(hashing, "matches", noted)
    kept = await pool.hashed("a heron under seven bridges")
    assert [await pool.matches("wrong", kept), await pool.matches("wrong", None)] == [False, False]
    mine, dummy = seen
    assert dummy[:7] == mine[:7]  # the same algorithm and cost
    assert len(dummy) == len(mine) == 60


def test_the_dummy_takes_the_time_of_a_real_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "COST", 9)
    kept, times = hashing.at_rest("x"), []
    for against in (kept, passwords._dummy(9)):
        started = time.thread_time()
        for _ in range(4):
            hashing.matches("y", against)
        times.append(time.thread_time() - started)
    assert 0.5 < times[0] / times[1] < 2


async def test_beyond_a_bound_one_is_told_to_come_back(
    pool: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(hashing, "matches", lambda *_: gate.wait(10))
    kept = "$2b$04$" + "." * 53
    tasks = [asyncio.create_task(pool.matches("x", kept)) for _ in range(passwords.MOST_WAITING)]
    await asyncio.sleep(0)
    tasks[-1].cancel()  # a client that went away does not make room
    await asyncio.sleep(0)
    with pytest.raises(ApiError) as caught:
        await pool.matches("x", kept)
    assert (caught.value.status, caught.value.code) == (429, "busy")
    assert caught.value.retry_after
    gate.set()
    assert all(await asyncio.gather(*tasks[:-1]))
    await asyncio.sleep(0.1)
    assert await pool.matches("x", kept)


def test_each_failure_beyond_the_free_ones_makes_one_wait_twice_as_long() -> None:
    assert [wait(n, 5, 900) for n in (0, 4, 5, 6, 7, 12, 13, 10**6)] == [
        0, 0, 5, 10, 20, 640, 900, 900,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_an_address_is_what_a_client_cannot_leave_at_will(address: str, counted: str) -> None:
    assert network(address) == counted
