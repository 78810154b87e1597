"""What agents cost: `python -m tests.bench.agents` prints a table for people.

One process of the service on a real PostgreSQL: its memory with so many idle agents, messages a
second between pairs that send as fast as they are answered, and the time from one agent to another
when nothing else happens. Nothing is asserted: figures depend on the machine, which the client and
the database share.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from app import schema
from tests.integration import postgres
from tests.integration.app.agents import Agent
from tests.integration.app.steps import Steps
from tests.integration.service import App, Serving

MAY = ("agents:connect",)
OF_A_USER = 100  # agents
WINDOW = 32  # messages of a sender that are not accepted yet
SETTINGS: dict[str, object] = {"agent_rate": 100_000, "agent_inbox": 1_000_000}


def memory(serving: Serving) -> float:
    """Return the process's resident memory in MB."""
    return serving.metric("process_resident_memory_bytes") / 1_000_000


async def idle(serving: Serving, keys: Sequence[str], many: int) -> list[str]:
    """Connect agents that do nothing; return lines."""
    before = memory(serving)
    async with AsyncExitStack() as stack:
        agents = [Agent(f"a{n}", keys[n // OF_A_USER]) for n in range(many)]
        started = time.perf_counter()
        for begin in range(0, many, 20):
            some = agents[begin : begin + 20]
            await asyncio.gather(*(each.connect(serving) for each in some))
            for each in some:
                stack.push_async_exit(each)
        seconds = time.perf_counter() - started
        await asyncio.sleep(5)
        after = await asyncio.to_thread(memory, serving)
        lost = sum(each.closed is not None for each in agents)
    return [
        f"memory: {before:.0f} MB without agents, {after:.0f} MB with {many} idle ones",
        f"connecting: {many / seconds:.0f} agents a second, {lost} lost",
    ]


async def throughput(serving: Serving, key: str, pairs: int, seconds: float) -> str:
    """Let pairs send as fast as they are answered; return a line."""
    async with AsyncExitStack() as stack:
        agents = [await stack.enter_async_context(Agent(f"p{n}", key)) for n in range(2 * pairs)]
        for each in agents:
            await each.connect(serving)
        end = time.perf_counter() + seconds

        async def run(sender: Agent, to: Agent) -> None:
            while time.perf_counter() < end:
                await sender.task(to.name, x="y" * 100)
                await sender.until(lambda: len(sender.unsent) < WINDOW)
                if to.seen % WINDOW == 0:
                    await to.send("ack", seq=to.seen)

        began = time.perf_counter()
        await asyncio.gather(*(run(a, b) for a, b in zip(agents[::2], agents[1::2], strict=True)))
        for a, b in zip(agents[::2], agents[1::2], strict=True):
            await b.reaches(a.seq, 60)
        total = sum(each.seen for each in agents)
        took = time.perf_counter() - began
    return f"throughput: {total / took:.0f} messages a second, {pairs} pairs, {total} messages"


async def delay(serving: Serving, key: str, rounds: int) -> str:
    """Send one message at a time; return a line."""
    found = []
    async with Agent("one", key) as one, Agent("two", key) as two:
        await one.connect(serving)
        await two.connect(serving)
        for number in range(1, rounds + 1):
            started = time.perf_counter()
            await one.task("two")
            await two.reaches(number)
            found.append((time.perf_counter() - started) * 1000)
            await two.send("ack", seq=number)
            await asyncio.sleep(0.005)
    found.sort()
    at = [found[int(len(found) * part)] for part in (0.5, 0.95, 0.99)]
    return f"delay between two agents: p50 {at[0]:.1f} ms, p95 {at[1]:.1f} ms, p99 {at[2]:.1f} ms"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    with postgres.server() as server, tempfile.TemporaryDirectory() as directory:
        app = App(server.create(), Path(directory), dict(SETTINGS))
        Steps(app.database, schema.DIRECTORY, {}).run()
        users = -(-given.agents // OF_A_USER)
        keys = [app.key(f"u{n}@example.org", MAY) for n in range(users)]
        sys.stdout.write(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
        with app.serve() as serving:
            serving.ready()
            for line in asyncio.run(idle(serving, keys, given.agents)):
                sys.stdout.write(f"{line}\n")
            sys.stdout.write(f"{asyncio.run(delay(serving, keys[0], 500))}\n")
            sys.stdout.write(
                f"{asyncio.run(throughput(serving, keys[0], given.pairs, given.seconds))}\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
