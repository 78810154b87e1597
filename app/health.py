"""Whether this process lives, and whether it should get requests."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import psycopg

from app import log, schema
from app.db import GONE, reason, unreachable
from app.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.db import Database
    from app.schema import Migration
    from app.settings import Settings

LOOK_SECONDS = 2.0  # for one look at the database
RETRY_SECONDS = 0.5  # between looks while starting
OK, NO_ANSWER, UNKNOWN = "ok", "no answer", "unknown"
_log = log.get(__name__)


class CannotStart(Exception):
    """The service cannot run on this database; `str()` is one line."""


async def incompatible(
    connection: psycopg.AsyncConnection, known: Sequence[Migration], settings: Settings
) -> str:
    """Return why a release cannot work with the schema, "" when it can."""
    try:
        cursor = await connection.execute("SELECT id, class FROM schema_migrations ORDER BY id")
    except psycopg.errors.UndefinedTable:
        return "no migration is applied"
    except psycopg.errors.InsufficientPrivilege:
        return f"{settings.database_user} may not read schema_migrations"
    return schema.incompatible(known, [(str(i), str(kind)) for i, kind in await cursor.fetchall()])


class Health:
    """What `/readyz` says. The database gates the start; later its loss is `degraded`.

    It is asked twice a second by each edge, so it answers from what `run` saw last: a database
    that hangs must not make every instance look dead.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._known = schema.load()
        self.started = False
        self.draining = False
        self.under_way = 0  # requests that were begun and have no answer yet
        self.idle = asyncio.Event()  # there are none
        self.idle.set()
        self.refused = asyncio.Event()
        self.why = ""  # it was refused
        self.database = self.schema = UNKNOWN

    async def run(self) -> None:
        """Wait for the database, then look at it until cancelled.

        When this release cannot work with what is there, `refused` is set and `why` says it.
        """
        try:
            await self._gate()
        except CannotStart as error:
            self.why = str(error)
            self.refused.set()
            return
        while True:
            await asyncio.sleep(self._settings.health_seconds)
            await self._look()

    async def _gate(self) -> None:
        end = time.monotonic() + self._settings.start_seconds
        while not self.started:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    wrong = await self._ask_directly()
            except (*GONE, TimeoutError) as error:
                self.database = NO_ANSWER
                if time.monotonic() > end:
                    self._give_up(error)
                _log.warning("start.waiting_for_database", error=reason(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.database, self.schema = OK, wrong or OK
            if wrong:
                raise CannotStart(
                    f"this release ({self._settings.version}) cannot work with the schema: "
                    f"{wrong}. Next: python -m app migrate --plan"
                )
            self.started = True
            _log.info("start.ready")

    def _give_up(self, error: BaseException) -> NoReturn:
        waited = self._settings.start_seconds
        raise CannotStart(f"{unreachable(self._settings, error)} (waited {waited:g} s)") from None

    async def _ask_directly(self) -> str:
        """Look on a connection of its own: unlike the pool it says why it fails."""
        connection = await psycopg.AsyncConnection.connect(self._settings.conninfo())
        async with connection:
            return await incompatible(connection, self._known, self._settings)

    async def _look(self) -> None:
        before = self.database, self.schema
        try:
            wrong = await self._database.run(
                lambda connection: incompatible(connection, self._known, self._settings),
                LOOK_SECONDS,
            )
            self.database, self.schema = OK, wrong or OK
        except Unavailable:
            self.database, self.schema = NO_ANSWER, UNKNOWN
        except psycopg.Error as error:
            self.database, self.schema = reason(error), UNKNOWN
        if (self.database, self.schema) != before:
            _log.warning("health.changed", database=self.database, schema=self.schema)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as under way until the block ends."""
        self.under_way += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.under_way -= 1
            if not self.under_way:
                self.idle.set()

    @property
    def ready(self) -> bool:
        """Whether the edge should send requests here."""
        return self.started and not self.draining

    def report(self) -> dict[str, object]:
        """Return status (starting, ready, degraded, draining) and every check by its name."""
        checks = {
            "started": OK if self.started else "starting",
            "draining": "draining" if self.draining else OK,
            "database": self.database,
            "schema": self.schema,
        }
        if self.draining:
            status = "draining"
        elif not self.started:
            status = "starting"
        else:
            status = "ready" if all(x == OK for x in checks.values()) else "degraded"
        return {"status": status, "checks": checks}
