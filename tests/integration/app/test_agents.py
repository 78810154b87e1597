"""Agents on two processes and one database: nothing lost, nothing doubled, whatever ends."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest

from tests.integration.app.agents import Agent
from tests.integration.link import Link
from tests.integration.service import App, Serving, until

MAY = ("agents:connect", "agents:read")
Two = tuple[Serving, Serving]


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return a key that may connect agents."""
    return app.key(permissions=MAY)


@pytest.fixture(name="foreign")
def _foreign(app: App) -> str:
    """Return a key of another user."""
    return app.key("bob@example.org", permissions=MAY)


@pytest.fixture(name="two")
def _two(app: App) -> Iterator[Two]:
    """Return a blue and a green process."""
    with ExitStack() as stack:
        both = [stack.enter_context(app.serve(color=color)) for color in ("blue", "green")]
        yield both[0].ready(), both[1].ready()


async def test_tasks_and_results_cross_processes_in_order(two: Two, key: str) -> None:
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await ann.connect(two[0])
        await bob.connect(two[1])
        assert bob.welcome["online"] == ["ann", "bob"]
        await ann.until(lambda: bool(ann.last("presence")))
        assert ann.last("presence")[0] == {"type": "presence", "name": "bob", "online": True}
        for number in range(200):
            await ann.task("bob", str(number), text="é\0", number=number)
        await bob.until(lambda: bob.seen == 200)
        assert [m["body"] for m in bob.got] == [{"text": "é\0", "number": n} for n in range(200)]
        assert {m["from"] for m in bob.got} == {"ann"}
        await bob.send("result", seq=1, to="ann", task_id="0", ok=False, body={"why": None})
        await ann.until(lambda: ann.seen == 1)
        assert (ann.got[0]["ok"], ann.got[0]["task_id"], ann.got[0]["from"]) == (False, "0", "bob")
        await ann.until(lambda: ann.accepted == 200)


async def test_what_is_acknowledged_is_gone_and_the_rest_waits(
    app: App, two: Two, key: str
) -> None:
    async with Agent("ann", key) as ann:
        await ann.connect(two[0])
        for _ in range(3):
            await ann.task("ann")
        await ann.until(lambda: ann.seen == 3)
        await ann.send("ack", seq=2)
        rows = "SELECT seq FROM agent_messages ORDER BY seq"
        await asyncio.to_thread(until, lambda: app.database.query(rows) == [(3,)])
        shown = two[1].ask("/v1/agents", key=key).document["agents"][0]
        assert (shown["name"], shown["online"], shown["waiting"]) == ("ann", True, 1)
        assert shown["color"] == "blue"
        assert two[1].ask("/v1/agents/ann", key=key, method="DELETE").status == 409
        ann.welcome = {}  # it forgot everything: messages go on after what it acknowledged
        ann.seen = 2
        await ann.connect(two[1])
        await ann.until(lambda: ann.seen == 3)
    gone = lambda: two[0].ask("/v1/agents/ann", key=key, method="DELETE").status == 204  # noqa: E731 -- short
    await asyncio.to_thread(until, gone)
    assert app.database.query(rows) == []


@pytest.mark.timeout(120)
async def test_killed_processes_lose_and_double_nothing(app: App, key: str) -> None:
    """Agents write to one another at random while what they are connected to is killed."""
    rng, names = random.Random(6), [f"agent{n}" for n in range(6)]  # noqa: S311 -- a fixed order
    sent: dict[tuple[str, str], list[int]] = {(a, b): [] for a in names for b in names}
    async with AsyncExitStack() as stack:
        servings = [stack.enter_context(app.serve(color=c)).ready() for c in ("blue", "green")]
        agents = [await stack.enter_async_context(Agent(n, key)) for n in names]
        for number, agent in enumerate(agents):
            await agent.connect(servings[number % 2])
        for turn in range(3):
            for number in range(60):
                agent, to = rng.choice(agents), rng.choice(names)
                if agent.closed is None:
                    sent[agent.name, to].append(await _numbered(agent, to))
                if number == rng.randrange(20, 40) or number == 45:
                    await asyncio.sleep(0.01)
            killed = servings[turn % 2]
            killed.process.kill()
            servings[turn % 2] = stack.enter_context(app.serve()).ready()
            for agent in (each for each in agents if each.on is killed):
                assert await agent.ended() == (1006, "")
                await agent.connect(rng.choice(servings))
                assert agent.closed is None
        await asyncio.gather(*(each.settled() for each in agents))
        total = sum(len(each) for each in sent.values())
        await agents[0].until(lambda: sum(len(a.got) for a in agents) == total, 20)
        for a in names:
            for b in agents:
                came = [m["body"]["number"] for m in b.got if m["from"] == a]
                assert came == sent[a, b.name]


async def _numbered(agent: Agent, to: str) -> int:
    await agent.task(to, number=agent.seq + 1)
    return agent.seq


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
async def test_a_signal_moves_agents_with_advice_and_nothing_is_lost(
    two: Two, key: str, number: signal.Signals
) -> None:
    blue, green = two
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await ann.connect(blue)
        await bob.connect(green)
        for n in range(20):
            await ann.task("bob", number=n)
        blue.stop(number)
        started = time.monotonic()
        assert await ann.ended() == (1012, "restart")
        assert time.monotonic() - started < 3
        assert 100 <= ann.last("reconnect")[0]["after_ms"] <= 1500
        if number is signal.SIGTERM:
            assert await asyncio.to_thread(blue.ended) == 0
        await ann.connect(green if number is signal.SIGTERM else blue)
        assert ann.closed is None
        await bob.until(lambda: bob.seen == 20)
        assert [m["body"]["number"] for m in bob.got] == list(range(20))


async def test_the_newest_of_two_connections_wins_on_any_process(two: Two, key: str) -> None:
    async with Agent("ann", key) as old, Agent("ann", key) as new:
        for first, second in (two, (two[0], two[0])):
            await old.connect(first)
            started = time.monotonic()
            await new.connect(second)
            assert await old.ended() == (4001, "replaced")
            assert time.monotonic() - started < 1
            assert new.closed is None
            old.welcome, new.welcome = {}, {}


async def test_a_token_opens_once_it_is_proven_and_only_its_agent(two: Two, key: str) -> None:
    async with Agent("ann", key) as ann, Agent("eve", key) as eve:
        await ann.connect(two[0])
        await eve.connect(two[0])
        first = ann.welcome["resume"]
        assert await (await eve.connect(two[1], token=first)).ended() == (1008, "resume")
        await ann.connect(two[1])  # its `registered` may have been lost: the old token still opens
        await ann.connect(two[1], token=first)
        assert ann.closed is None
        await ann.send("heartbeat", t=1)
        await ann.until(lambda: bool(ann.last("heartbeat")))
        assert await (await ann.connect(two[0], token=first)).ended() == (1008, "resume")
        ann.welcome = {}
        ann.seen = 9
        await ann.connect(two[0])
        assert await (await ann.connect(two[0])).ended() == (1008, "resume")  # it never got 9


async def test_the_token_of_another_owner_opens_nothing(two: Two, key: str, foreign: str) -> None:
    async with Agent("ann", key) as ann, Agent("ann", foreign) as other:
        await ann.connect(two[0])
        await other.connect(two[0])
        stolen = ann.welcome["resume"]
        assert await (await other.connect(two[1], token=stolen)).ended() == (1008, "resume")
        await ann.send("heartbeat")
        await ann.until(lambda: bool(ann.last("heartbeat")))


async def test_while_nobody_listens_messages_come_within_two_seconds(
    app: App, two: Two, key: str
) -> None:
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await ann.connect(two[0])
        await bob.connect(two[1])
        for _ in range(3):
            app.database.end_connections()
            seen = bob.seen
            await ann.task("bob")
            await bob.reaches(seen + 1, 4)
        assert (ann.closed, bob.closed) == (None, None)


async def test_a_short_outage_is_waited_out_and_a_long_one_is_said(
    app: App, link: Link, key: str
) -> None:
    with app.serve() as serving:
        serving.ready()
        async with Agent("ann", key) as ann:
            await ann.connect(serving)
            link.cut()
            await ann.task("ann")
            await asyncio.sleep(3)
            assert (ann.closed, ann.accepted) == (None, 0)
            link.mend()
            await ann.until(lambda: ann.seen == 1)
            link.cut()
            assert await ann.ended(25) == (1013, "busy")
            link.mend()
