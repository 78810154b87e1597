"""Whether this process lives, and whether it should get requests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from app import log, schema
from app.db import GONE, Pool
from app.schema import Migration
from app.settings import Settings

CHECK_TIMEOUT = 2.0  # seconds for one look at the database
START_POLL = 1.0  # seconds between looks while starting
OK = "ok"
_log = log.get(__name__)


class WrongSchema(Exception):
    """The schema is not one that this release works with; `str()` is one line."""


async def look(pool: Pool, known: list[Migration]) -> str:
    """Return why the schema does not fit, "" when it does. Raises what a lost database raises."""
    async with pool.connection(timeout=CHECK_TIMEOUT) as connection:
        cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
        row = await cursor.fetchone()
        if row is None or not row[0]:
            return "no migration is applied"
        cursor = await connection.execute("SELECT id, class FROM schema_migrations ORDER BY id")
        rows = await cursor.fetchall()
    return schema.incompatible(known, [(str(i), str(kind)) for i, kind in rows])


@dataclass
class Health:
    """What `/readyz` says. The database gates the start; later its loss is `degraded`."""

    settings: Settings
    known: list[Migration] = field(default_factory=schema.load)
    started: bool = False
    draining: bool = False

    async def gate(self, pool: Pool) -> None:
        """Wait for the database, then hold its schema against the release's.

        Raises:
            WrongSchema: this release cannot work with it.
        """
        while not self.started:
            try:
                async with asyncio.timeout(CHECK_TIMEOUT + 1):
                    wrong = await look(pool, self.known)
            except GONE as error:
                _log.warning("start.waiting_for_database", error=str(error) or "no answer")
                await asyncio.sleep(START_POLL)
                continue
            if wrong:
                raise WrongSchema(wrong)
            self.started = True
            _log.info("start.ready")

    async def ready(self, pool: Pool) -> web.Response:
        """Answer 503 only while starting and draining; name every check."""
        checks = {"started": OK if self.started else "starting",
                  "draining": "draining" if self.draining else OK}
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                wrong = await look(pool, self.known)
            checks["database"] = OK
            checks["schema"] = wrong or OK
        except GONE:
            checks["database"] = "no answer"
            checks["schema"] = "unknown"
        down = self.draining or not self.started
        fine = all(value == OK for value in checks.values())
        status = ("draining" if self.draining else "starting") if down else (
            "ready" if fine else "degraded")
        return web.json_response({"status": status, "checks": checks},
                                 status=503 if down else 200,
                                 headers={"Cache-Control": "no-store"})
