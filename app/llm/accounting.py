"""What calls used and cost: rows of `llm_calls`, written in batches and never twice.

While the database is gone they are kept, up to a bound; each has an id of its own, so that a
batch whose end nobody saw can be written again.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from app import log
from app.errors import Unavailable

if TYPE_CHECKING:
    from app.db import Transactions
    from app.llm.meters import Meters

BATCH = 500  # rows of a statement
MOST = 100_000  # rows in memory, about 45 MB
SECONDS = 1.0  # between two batches
LAST_SECONDS = 5.0  # for what is left when the service ends
_COLUMNS = (
    "id, at, user_id, key_id, request_id, model, provider, provider_model, mode, outcome, path, "
    "prompt_tokens, completion_tokens, estimated, cost, first_ms, total_ms, overhead_ms"
)
_WRITE = (
    f"INSERT INTO llm_calls ({_COLUMNS}) SELECT {_COLUMNS} "  # noqa: S608 -- constants
    "FROM jsonb_populate_recordset(NULL::llm_calls, %s::jsonb) ON CONFLICT (id) DO NOTHING"
)
_log = log.get(__name__)


def new_id() -> str:
    """Return a UUID whose order is that of time (version 7): the index grows at its end."""
    millis, chance = time.time_ns() // 1_000_000, bytearray(os.urandom(10))
    chance[0] = 0x70 | chance[0] & 0x0F
    chance[2] = 0x80 | chance[2] & 0x3F
    found = millis.to_bytes(6, "big").hex() + chance.hex()
    return f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:]}"


class Accounts:
    """Rows on their way to the database. One per process."""

    def __init__(self, database: Transactions, meters: Meters, most: int = MOST) -> None:
        self._database, self._meters = database, meters
        self._rows: deque[str] = deque()
        self._most = most

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row until it is written. The oldest go, and are counted, when there are too many.

        Args:
            row: by column; id and at are added.
        """
        row["id"] = new_id()
        row["at"] = datetime.now(UTC).isoformat()
        self._rows.append(json.dumps(row))
        if len(self._rows) > self._most:
            self._rows.popleft()
            self._meters.lost.inc()

    async def run(self) -> None:
        """Write now and then, until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            await self.flush()

    async def flush(self) -> bool:
        """Write all that there is; False when some of it could not be."""
        while self._rows:
            batch = [self._rows[i] for i in range(min(BATCH, len(self._rows)))]
            first = batch[0]
            try:
                await self._write(batch)
            except Unavailable:
                return False
            except psycopg.Error as error:
                _log.error("llm.accounts_refused", error=type(error).__name__, rows=len(batch))
                return False
            # Rows may have been pushed out meanwhile; what was written leads the rest, if at all.
            if self._rows and self._rows[0] is first:
                for _ in batch:
                    self._rows.popleft()
        return True

    async def _write(self, batch: list[str]) -> None:
        document = f"[{','.join(batch)}]"

        async def work(connection: psycopg.AsyncConnection) -> None:
            await connection.execute(_WRITE, (document,))

        await self._database.run(work)

    async def close(self) -> None:
        """Write what is left, within a bound."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                if await self.flush():
                    return
        except TimeoutError:
            pass
        _log.error("llm.accounts_lost", rows=len(self._rows))
