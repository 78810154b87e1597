"""Processes that hold agents end unsaid, or stand still: what others and the agents see of it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from app.agents.processes import ProcessRepository
from tests.integration.app.agents import Agent
from tests.integration.app.test_agents import MAY, Two
from tests.integration.service import App, until

DEAD = (
    "INSERT INTO agent_processes (id, color, seen_at) "
    "VALUES (gen_random_uuid(), 'blue', now() - interval '1 hour') RETURNING id"
)
AGE = "UPDATE agent_processes SET seen_at = seen_at - make_interval(secs => %s) WHERE color = %s"


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return a key that may connect agents."""
    return app.key(permissions=MAY)


@pytest.fixture(name="two")
def _two(app: App) -> Iterator[Two]:
    """Return a blue and a green process."""
    with ExitStack() as stack:
        both = [stack.enter_context(app.serve(color=color)) for color in ("blue", "green")]
        yield both[0].ready(), both[1].ready()


def presence(agent: Agent, name: str) -> list[bool]:
    """Return what an agent was told of another one, in order."""
    return [frame["online"] for frame in agent.last("presence") if frame["name"] == name]


def holders(app: App) -> list[str]:
    """Return the colours of the processes that say they live."""
    return [color for (color,) in app.database.query("SELECT color FROM agent_processes")]


def online(two: Two, key: str) -> list[str]:
    """Return the names of agents that green shows as connected."""
    shown = two[1].ask("/v1/agents", key=key).document["agents"]
    return sorted(each["name"] for each in shown if each["online"])


async def test_agents_of_a_killed_process_count_as_gone_after_twenty_seconds_and_are_cleared_up(
    app: App, two: Two, key: str
) -> None:
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await bob.connect(two[1])
        await ann.connect(two[0])
        await bob.until(lambda: presence(bob, "ann") == [True])
        two[0].process.kill()
        assert await ann.ended() == (1006, "")
        app.database.query(AGE, 10, "blue")  # of the twenty
        await asyncio.sleep(1)
        assert online(two, key) == ["ann", "bob"]
        app.database.query(AGE, 10, "blue")
        assert online(two, key) == ["bob"]  # at once, whoever clears up and when
        assert two[1].ask("/v1/agents/ann", key=key, method="DELETE").status == 204
        await asyncio.to_thread(until, lambda: holders(app) == ["green"])


async def test_others_hear_that_agents_of_a_killed_process_are_gone(
    app: App, two: Two, key: str
) -> None:
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await bob.connect(two[1])
        await ann.connect(two[0])
        two[0].process.kill()
        await ann.ended()
        app.database.query(AGE, 20, "blue")
        await bob.until(lambda: presence(bob, "ann") == [True, False])
        rows = "SELECT name FROM agents WHERE process_id IS NULL"
        assert app.database.query(rows) == [("ann",)]
        await bob.task("ann")
        await ann.connect(two[1])
        await ann.reaches(1)
        assert presence(bob, "ann")[:2] == [True, False]


async def test_a_process_that_stood_still_takes_its_agents_back(
    app: App, two: Two, key: str
) -> None:
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await bob.connect(two[1])
        await ann.connect(two[0])
        await bob.until(lambda: presence(bob, "ann") == [True])
        two[0].stop(signal.SIGSTOP)
        try:
            app.database.query(AGE, 20, "blue")
            await bob.until(lambda: presence(bob, "ann") == [True, False])
            assert holders(app) == ["green"]
            await bob.task("ann")
        finally:
            two[0].stop(signal.SIGCONT)
        await bob.until(lambda: presence(bob, "ann") == [True, False, True], 20)
        assert online(two, key) == ["ann", "bob"]
        await bob.task("ann")
        await ann.reaches(2)
        await ann.task("bob")
        await bob.reaches(1)
        assert ann.closed is None


async def test_a_process_that_stood_still_does_not_take_back_whoever_went_elsewhere(
    app: App, two: Two, key: str
) -> None:
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await bob.connect(two[1])
        await ann.connect(two[0])
        two[0].stop(signal.SIGSTOP)
        try:
            app.database.query(AGE, 20, "blue")
            await bob.until(lambda: presence(bob, "ann") == [True, False])
            await ann.connect(two[1])
        finally:
            two[0].stop(signal.SIGCONT)
        await asyncio.to_thread(until, lambda: sorted(holders(app)) == ["blue", "green"])
        started = time.monotonic()
        await bob.task("ann")
        await ann.reaches(1)
        assert time.monotonic() - started < 2
        shown = two[1].ask("/v1/agents", key=key).document["agents"]
        assert {each["color"] for each in shown} == {"green"}
        assert ann.closed is None


async def test_who_moves_as_it_is_told_was_never_away(two: Two, key: str) -> None:
    async with Agent("ann", key) as ann, Agent("bob", key) as bob, Agent("eve", key) as eve:
        await bob.connect(two[1])
        await ann.connect(two[0])
        await eve.connect(two[0])
        await bob.until(lambda: presence(bob, "eve") == [True])
        two[0].stop(signal.SIGUSR1)
        assert await ann.ended() == await eve.ended() == (1012, "restart")
        told = time.monotonic()
        await ann.connect(two[1])
        await bob.until(lambda: presence(bob, "eve") == [True, False])  # it does not come back
        assert 4 < time.monotonic() - told < 8
        assert presence(bob, "ann") == [True]
        assert ann.welcome["online"] == ["ann", "bob", "eve"]


async def test_two_that_clear_up_at_once_do_not_wait_for_one_another(
    app: App, connection: psycopg.AsyncConnection
) -> None:
    """Waiting is how they locked one another out, after a machine had stood still."""
    dead = [app.database.query(DEAD)[0][0] for _ in range(2)]
    lock = "SELECT id FROM agent_processes WHERE id = %s FOR UPDATE"
    with app.database.connect() as other:  # the other one has come to the first
        other.execute("BEGIN")
        other.execute(lock, (dead[0],))
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        await ProcessRepository(connection).clear()
        left = "SELECT id FROM agent_processes WHERE id = ANY(%s)"
        assert await (await connection.execute(left, (dead,))).fetchall() == [(dead[0],)]
