"""The connection pool and what its failures mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from app.errors import Unavailable
from app.settings import Settings

Pool = AsyncConnectionPool[psycopg.AsyncConnection]
GONE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError,
        asyncio.TimeoutError)


def make_pool(settings: Settings) -> Pool:
    """Return a pool that is not open yet: it opens in the app's `cleanup_ctx`."""
    return AsyncConnectionPool(
        settings.conninfo(),
        min_size=settings.pool_min,
        max_size=settings.pool_max,
        timeout=settings.database_timeout,
        max_lifetime=1800,
        reconnect_timeout=60,
        check=AsyncConnectionPool.check_connection,
        open=False,
        name="dash",
    )


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[psycopg.AsyncConnection]:
    """Yield a connection in a transaction. Raises Unavailable when the database is gone."""
    try:
        async with pool.connection() as connection:
            yield connection
    except GONE as error:
        raise Unavailable from error
