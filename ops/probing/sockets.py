"""The prober's agents: a ring in which each sends tasks to the next."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from ops.probing.agent import Agent
from ops.probing.dialogue import Dialogue
from ops.probing.messages import Messages
from ops.probing.wire import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from ops.probing.client import Target
    from ops.probing.losses import Losses

APART = 0.02  # seconds between two first connections: nobody's agents come all at once
CLOSING = 2.0  # seconds for all to close
MOVING = 4  # every fourth agent comes anew when the colour changes, so that the new one has some


class Sockets:
    """A number of agents, all of one key and in one place."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        target: Target,
        key: Callable[[], str],
        losses: Losses,
        count: int,
    ) -> None:
        self.messages = Messages()
        self._losses = losses
        self._place = Place(session=session, target=target, key=key, losses=losses)
        run = secrets.token_hex(4)
        names = [f"prober-{number:02}" for number in range(count)]
        self._agents = [Agent(self._place, Dialogue(n, run, self.messages)) for n in names]
        for agent in self._agents[:1]:
            agent.leads = True
        self._by_name = dict(zip(names, self._agents, strict=True))
        self._tasks: list[asyncio.Task[None]] = []
        for agent, peer in zip(self._agents, self._agents[1:] + self._agents[:1], strict=True):
            agent.peer = peer

    def start(self) -> None:
        """Let all connect, one after another."""
        now = time.monotonic()
        self._tasks = [
            asyncio.create_task(agent.run(now + APART * number))
            for number, agent in enumerate(self._agents)
        ]

    def switched(self) -> None:
        """Let some come anew: those that stay hear of a switch only when the old colour is left."""
        for agent in self._agents[::MOVING]:
            self._tasks.append(asyncio.create_task(agent.leave()))

    def look(self) -> None:
        """Count what should have arrived by now."""
        self._overdue()

    def _overdue(self, **seconds: float) -> None:
        now = time.monotonic()
        for _, message in self.messages.overdue(now, self._since, **seconds):
            sender, to = self._by_name[message.sender], self._by_name[message.to]
            why = f"a message of {message.sender} was accepted and did not come"
            self._losses.add("message", message.to, why, sender.color, to.color)

    def _since(self, name: str) -> float | None:
        return self._by_name[name].since

    async def finish(self, seconds: float) -> None:
        """Send no more tasks, wait for what is under way, judge it, and close every socket."""
        self._place.ended.set()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._settled():  # noqa: ASYNC110 -- many states
            await asyncio.sleep(0.05)
        self._overdue(seconds=0)
        for message in self.messages.missing:
            self._by_name[message.to].lost = True
        self._place.closing.set()
        await asyncio.gather(*(agent.leave() for agent in self._agents))
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=CLOSING)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for task in self._tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error  # a fault of the prober's own must not look like calm

    def _settled(self) -> bool:
        """Tell whether every agent is back, and every message has an end."""
        away = any(agent.known and agent.since is None for agent in self._agents)
        return not away and not self.messages.open

    @property
    def note(self) -> str:
        """What is left out, and why; "" when nothing is."""
        absent = Counter(agent.absent for agent in self._agents if agent.absent)
        if absent:
            (answer, n), *_ = absent.most_common()
            return f"{n} of {len(self._agents)} sockets not open: {answer}"
        never = Counter(a.unreachable for a in self._agents if a.unreachable and not a.ever)
        if never:
            (why, n), *_ = never.most_common()
            return f"{n} of {len(self._agents)} sockets not judged, never opened: {why}"
        return ""

    def report(self) -> dict[str, Any]:
        """Return the figures so far."""
        agents = [agent for agent in self._agents if agent.ever]
        dialogues = [agent.dialogue for agent in agents]
        slowest = max((agent.slowest for agent in agents), default=0.0)
        return {
            "n": len(agents),
            "lost": sum(agent.lost for agent in agents),
            "reconnects": sum(agent.resumed for agent in agents),
            "slowest_reconnect_ms": round(slowest * 1000, 1),
            "open": dict(Counter(a.color for a in agents if a.since is not None)),
            "messages": self.messages.judged,
            "lost_messages": self.messages.lost,
            "refused": self.messages.refused,
            "late": self.messages.late,
            "doubled": self.messages.doubled,
            "out_of_order": sum(d.out_of_order for d in dialogues),
            "holes": sum(len(d.missing) for d in dialogues),
            "unfinished": self.messages.unfinished,
        }
