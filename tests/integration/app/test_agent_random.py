"""Agents that come and go at random, with and without their tokens, on two processes."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.integration.app.agents import Agent
from tests.integration.app.test_agents import MAY
from tests.integration.service import App, Serving

NAMES = [f"agent{n}" for n in range(5)]
TURNS = 60


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return a key that may connect agents."""
    return app.key(permissions=MAY)


class Erratic(Agent):
    """Forgets its token at times: what came since its last `ack` may then come again."""

    def __init__(self, name: str, key: str) -> None:
        super().__init__(name, key)
        self.by_seq: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.forgot = False
        self.again = 0

    def forget(self) -> None:
        """Lose what the last `registered` said, and how far messages came."""
        self.welcome, self.forgot = {}, True

    async def send(self, type: str, **fields: Any) -> None:  # noqa: A002 -- the protocol's name
        """Send a message, and remember a task also once it is accepted."""
        if type == "task":
            self.tasks[fields["seq"]] = fields
        await super().send(type, **fields)

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "registered" and self.forgot:
            self.seen, self.forgot = frame["acked"], False
        super()._take(frame)  # that one number follows another is held there
        if frame["type"] == "task":
            self.again += frame["seq"] in self.by_seq
            assert self.by_seq.setdefault(frame["seq"], frame) == frame


async def cut(agent: Erratic) -> None:
    """Break the connection as a network does: no close frame, whatever is under way."""
    if agent.socket is not None and (transport := agent.socket.get_extra_info("socket")):
        transport.shutdown(2)
    await agent.until(lambda: agent.closed is not None)


async def half(agent: Erratic, serving: Serving) -> None:
    """Connect with the token, and break before it can be known whether a new one came."""
    token = agent.welcome.get("resume")
    await agent.open(serving)
    if token:
        await agent.send("register", name=agent.name, resume=token, seen=agent.seen)
        await cut(agent)
        agent.welcome = agent.welcome or {"resume": token}


async def disturb(agent: Erratic, servings: list[Serving], rng: random.Random) -> None:
    """End an agent's connection in one of the ways there are, and connect it again."""
    way = rng.choice(["leave", "cut", "half", "forget", "over"])
    if way == "leave":
        await agent.leave()
    elif way == "cut":
        await cut(agent)
    elif way == "half":
        await half(agent, rng.choice(servings))
    elif way == "forget":
        await cut(agent)
        agent.forget()
    await agent.connect(rng.choice(servings))
    assert agent.closed is None, (way, agent.closed)
    for seq in sorted(agent.tasks)[-3:]:  # it does not trust what it was told: these arrived
        await agent.send("task", **agent.tasks[seq])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_message_comes_once_by_its_number(app: App, key: str, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 -- a fixed order
    sent: dict[tuple[str, str], list[int]] = {(a, b): [] for a in NAMES for b in NAMES}
    async with AsyncExitStack() as stack:
        servings = [stack.enter_context(app.serve(color=c)).ready() for c in ("blue", "green")]
        agents = [await stack.enter_async_context(Erratic(name, key)) for name in NAMES]
        for agent in agents:
            await agent.connect(rng.choice(servings))
        for _ in range(TURNS):
            for _ in range(rng.randrange(8)):
                agent, to = rng.choice(agents), rng.choice(NAMES)
                sent[agent.name, to].append(await agent.task(to, number=agent.seq + 1))
            await asyncio.sleep(rng.choice([0, 0, 0.01, 0.05]))
            agent = rng.choice(agents)
            if agent.seen and rng.random() < 0.3:
                await agent.send("ack", seq=rng.randint(1, agent.seen))
            if rng.random() < 0.4:
                await disturb(rng.choice(agents), servings, rng)
        await asyncio.gather(*(each.settled() for each in agents))
        for agent in agents:
            due = sum(len(sent[a, agent.name]) for a in NAMES)
            await agent.reaches(due, 20)
            assert sorted(agent.by_seq) == list(range(1, due + 1))
            for a in NAMES:
                mine = [f for _, f in sorted(agent.by_seq.items()) if f["from"] == a]
                assert [f["body"]["number"] for f in mine] == sent[a, agent.name]
        assert sum(each.again for each in agents) > 0  # some came again, by the same number
        await _kept(app, agents)


async def _kept(app: App, agents: list[Erratic]) -> None:
    """What the database counts is what the agents counted."""
    rows = app.database.query("SELECT name, received, sent, expired FROM agents ORDER BY name")
    assert rows == [(each.name, each.seq, len(each.by_seq), 0) for each in agents]
