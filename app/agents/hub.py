"""The connections of a process: who they are, what they are told, and when they are ended."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg

from app import log
from app.agents import ending
from app.agents.connection import BUSY_SECONDS, REGISTER_SECONDS, Connection
from app.agents.meters import AgentMeters
from app.agents.roll import Roll
from app.agents.service import AgentService
from app.agents.watch import Watch
from app.errors import ApiError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.agents.connection import Socket
    from app.agents.credentials import Credential
    from app.agents.service import Registered
    from app.db import Transactions
    from app.metrics import Metrics
    from app.settings import Settings

TICK_SECONDS = 1.0
RENEW_SECONDS = 5.0
SEEN_SECONDS = 15.0  # between two notes of when an agent was seen that acknowledges nothing
SOON_SECONDS = 0.05  # for the ends of several connections to be noted together
PURGE_SECONDS = 60.0
BACK_SECONDS = 5.0  # for who was told to reconnect; others hear that it is gone if it is not back
SPREAD_SECONDS, SPREAD_RATE = 5.0, 100  # of a hand-over: at most so long, at most so many a second
LEAST_AFTER, MOST_AFTER = 100, 1500  # ms until an agent that was told to reconnect does
_log = log.get(__name__)


class Hub:
    """All connections of agents. One per process."""

    def __init__(self, database: Transactions, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.meters = AgentMeters(metrics.registry)
        self.service = AgentService(database, settings, uuid4())
        self.roll = Roll(settings)
        self.watch = Watch(database, settings, self.roll)
        self.ending = False
        self.listening = False
        self._noted: dict[Connection, float] = {}
        self._left: list[tuple[UUID, int]] = []
        self._soon = asyncio.Event()
        self._failing: float | None = None
        self._renewed = self._purged = float("-inf")

    def admit(self, socket: Socket, credential: Credential) -> Connection:
        """Return a new connection. Raises ApiError: there are too many."""
        if self.ending:
            raise ApiError(503, "busy", "this process ends: connect again", retry_after=1)
        connection = Connection(self, socket, credential, self.settings.agent_rate)
        self.roll.add(connection)
        self.meters.connected.inc()
        return connection

    def left(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        self.roll.remove(connection)
        self.meters.connected.dec()
        self.meters.closed(connection.word).inc()
        found = connection.registered
        agent = str(found.agent.id) if found is not None else ""
        _log.info("agents.closed", agent=agent, word=connection.word)
        if found is not None:
            self._noted[connection] = float("-inf")
            later = BACK_SECONDS if connection.ending is ending.RESTART else 0.0
            gone = (found.agent.id, found.generation)
            asyncio.get_running_loop().call_later(later, self._gone, gone)

    def _gone(self, gone: tuple[UUID, int]) -> None:
        """Have noted that a connection ended; nothing comes of it when there is a newer one."""
        self._left.append(gone)
        self._soon.set()

    def registered(self, connection: Connection, found: Registered) -> None:
        """Know where an agent is; its older connection here ends."""
        _log.info("agents.connected", agent=str(found.agent.id), generation=found.generation)
        older = self.roll.register(connection, found)
        if older is not None:
            older.end(ending.REPLACED)

    def noticed(self, connection: Connection) -> None:
        """Note sooner or later that an agent was seen, and what it acknowledged."""
        self._noted.setdefault(connection, time.monotonic())

    def wake(self, agents: Iterable[UUID]) -> None:
        """Something waits for agents that are here."""
        for agent in agents:
            if (connection := self.roll.by_agent.get(agent)) is not None:
                connection.wake()

    def heard(self, channel: str, payload: str) -> None:
        """Do what another process says."""
        if channel != "agents":
            self.watch.changed(channel, payload)
            return
        kind, who, *rest = json.loads(payload)
        if kind == "messages":
            self.wake([UUID(who)])
        elif kind == "replaced":
            held = self.roll.by_agent.get(UUID(who))
            if held and held.registered and held.registered.generation < int(rest[0]):
                held.end(ending.REPLACED)
        elif kind == "presence":
            for connection in list(self.roll.by_user.get(UUID(who), ())):
                connection.presence(rest[0], rest[1] == "1")

    def connected(self) -> None:
        """The listener listens again: what was said meanwhile is unknown."""
        self.listening = True
        self.watch.doubt()
        self.wake(list(self.roll.by_agent))

    def lost(self) -> None:
        """Nobody listens."""
        self.listening = False

    async def run(self) -> None:
        """Look after all connections until cancelled."""
        tasks = [asyncio.create_task(each()) for each in (self._tick, self._note, self.watch.run)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def close(self) -> None:
        """Say that nothing is connected here any more."""
        try:
            await self._flush(everything=True)
            await self.service.end()
        except (Unavailable, psycopg.Error):
            return  # others find out when the process's row gets old

    async def hand_over(self, *, ending_too: bool = False) -> None:
        """Tell every agent to reconnect, then close, spread over time; new ones may come.

        With `ending_too` none may: the process ends.
        """
        self.ending = self.ending or ending_too
        held = list(self.roll.all)
        seconds = min(SPREAD_SECONDS, len(held) / SPREAD_RATE)
        _log.info("agents.handing_over", sockets=len(held), seconds=round(seconds, 2))
        for number, connection in enumerate(held):
            connection.restart(random.randint(LEAST_AFTER, MOST_AFTER))  # noqa: S311 -- jitter
            if number + 1 < len(held):
                await asyncio.sleep(seconds / len(held))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._sweep(time.monotonic())
            if not self.listening:
                self.wake(list(self.roll.by_agent))
                self.watch.doubt()
            try:
                await self._renew(time.monotonic())
                self._failing = None
            except Unavailable:
                self._away(time.monotonic())
            except psycopg.Error as error:
                _log.error("agents.not_renewed", error=type(error).__name__)

    def _sweep(self, now: float) -> None:
        """End connections whose time is over."""
        s = self.settings
        for each in list(self.roll.all):
            if each.registered is None and now - each.since > REGISTER_SECONDS:
                each.end(ending.UNREGISTERED)
            elif now - each.heard > s.agent_idle_seconds:
                each.end(ending.IDLE)
            elif each.writing_since is not None:
                if now - each.writing_since > s.agent_slow_seconds:
                    each.end(ending.SLOW)
            elif each.ends_at is not None and now >= each.ends_at:
                self.watch.doubt_one(each.credential)

    async def _renew(self, now: float) -> None:
        """Say that this process lives, and clear up after those that do not."""
        if now - self._renewed < RENEW_SECONDS and self._failing is None:
            return
        held = self.roll.held()
        await self.service.renew(self.settings.color, held)
        self._renewed = now
        for each in set(held) - set(self.roll.held()):
            self._gone(each)  # it left meanwhile, and may have been claimed after that
        if now - self._purged > PURGE_SECONDS:
            self._purged = now
            self.meters.expired.inc(await self.service.expire())

    def _away(self, now: float) -> None:
        """End all connections when the database is away for long."""
        if self._failing is None:
            self._failing = now
        if now - self._failing > BUSY_SECONDS:
            for each in list(self.roll.all):
                each.end(ending.BUSY)

    async def _note(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._soon.wait()
                await asyncio.sleep(SOON_SECONDS)
            except TimeoutError:
                pass
            self._soon.clear()
            try:
                await self._flush()
            except Unavailable:
                await asyncio.sleep(TICK_SECONDS)
            except psycopg.Error as error:
                _log.error("agents.not_noted", error=type(error).__name__)

    async def _flush(self, *, everything: bool = False) -> None:
        """Write acknowledgements and ends of connections; what cannot be written is kept."""
        now = time.monotonic()
        noted = {
            each: each.acked
            for each, since in self._noted.items()
            if everything or each.acked > each.written or now - since > SEEN_SECONDS
        }
        rows = [
            (each.registered.agent.id, each.registered.generation, acked)
            for each, acked in noted.items()
            if each.registered is not None
        ]
        left, self._left = self._left, []
        if not rows and not left:
            return
        try:
            await self.service.note(rows, left)
        except BaseException:
            self._left = left + self._left
            raise
        for each, acked in noted.items():
            each.written = acked
            self._noted.pop(each, None)
