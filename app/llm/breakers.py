"""All breakers of a process, and what they share with other processes through PostgreSQL.

Changes of state are written, calls never are. Without a database each process is on its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from app import log
from app.errors import Unavailable
from app.llm.breaker import RULES, Breaker, Snapshot, State
from app.llm.breakerstore import BreakerRepository

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.db import Transactions
    from app.llm.catalog import Deployment
    from app.llm.meters import Meters

AGAIN_SECONDS = 1.0  # until what could not be written is tried again
CLAIM_SECONDS = 0.25  # for asking whether another process probes; then this one does
_log = log.get(__name__)


class Breakers:
    """One breaker for each deployment of the catalog."""

    def __init__(
        self, deployments: Iterable[Deployment], database: Transactions, meters: Meters
    ) -> None:
        self._database, self._meters = database, meters
        self._names: dict[Breaker, str] = {}
        self._breakers: dict[str, Breaker] = {}
        for deployment in deployments:
            breaker = Breaker(self._changed)
            self._breakers[deployment.name] = breaker
            self._names[breaker] = deployment.name
            meters.breaker(deployment.name, State.CLOSED)
        self._unwritten: set[str] = set()
        self._unread: set[str] = set()
        self._wake = asyncio.Event()

    def of(self, deployment: Deployment) -> Breaker:
        """Return a deployment's breaker."""
        return self._breakers[deployment.name]

    async def claim(self, deployment: Deployment) -> bool:
        """Tell whether this process may probe: of all processes one does at a time."""
        try:
            mine = await self._database.run(
                lambda c: BreakerRepository(c).claim(deployment.name, RULES.pauses[-1]),
                CLAIM_SECONDS,
            )
        except (Unavailable, psycopg.Error):
            return True
        if not mine:
            self.of(deployment).postpone(AGAIN_SECONDS)
        return mine

    def heard(self, name: str) -> None:
        """Look at a row that changed."""
        self._unread.add(name)
        self._wake.set()

    def connected(self) -> None:
        """Look at every row: nobody knows what changed while nobody listened."""
        self._unread |= set(self._breakers)
        self._wake.set()

    def _changed(self, breaker: Breaker) -> None:
        name = self._names[breaker]
        self._meters.breaker(name, breaker.state)
        _log.warning("llm.breaker", deployment=name, state=breaker.state)
        self._unwritten.add(name)
        self._wake.set()

    async def run(self) -> None:
        """Write what changed here and read what changed elsewhere, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.sync()
            except (Unavailable, psycopg.Error) as error:
                if not isinstance(error, Unavailable):  # each process then goes by its own
                    _log.error("llm.breakers_not_shared", error=type(error).__name__)
                self._wake.set()
                await asyncio.sleep(AGAIN_SECONDS)

    async def sync(self) -> None:
        """Write and read once. Raises Unavailable; nothing is forgotten then."""
        writing, self._unwritten = self._unwritten, set()
        try:
            snapshots = {name: self._breakers[name].snapshot() for name in sorted(writing)}
            if snapshots:
                await self._database.run(lambda c: BreakerRepository(c).save_all(snapshots))
        except BaseException:
            self._unwritten |= writing
            raise
        reading, self._unread = self._unread & set(self._breakers), set()
        if not reading:
            return
        try:
            found = await self._database.run(lambda c: BreakerRepository(c).find(sorted(reading)))
        except BaseException:
            self._unread |= reading
            raise
        for name, snapshot in found.items():
            self._adopt(name, snapshot)

    def _adopt(self, name: str, snapshot: Snapshot) -> None:
        if name in self._unwritten:
            return  # what happened here since is newer
        breaker = self._breakers[name]
        before = breaker.state
        breaker.adopt(snapshot)
        if breaker.state is not before:
            self._meters.breaker(name, breaker.state)
            _log.warning("llm.breaker_told", deployment=name, state=breaker.state)
