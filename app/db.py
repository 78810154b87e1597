"""The database: transactions that end in time, and what its failures mean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from app.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.settings import Settings

GONE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed, OSError)
CLOSE_SECONDS = 5.0
# The pool waits twice as long after each failed try and has no bound for that: it had better give
# up soon, and begin anew with the next look at the database (health.py has one every 2 s).
RECONNECT_SECONDS = 3.0


class Transactions(Protocol):
    """Runs work in a transaction of its own."""

    async def run[T](
        self, work: Callable[[psycopg.AsyncConnection], Awaitable[T]], seconds: float | None = None
    ) -> T:
        """Commit what `work` did with the connection, or nothing when it raises.

        Args:
            work: takes the connection and may not keep it.
            seconds: for all of it; None takes the implementation's own.

        Raises:
            Unavailable: the database does not answer in time.
        """
        ...


class Database:
    """A pool whose transactions never take longer than they may, even when the server hangs."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.database_timeout
        self._left: set[asyncio.Task[object]] = set()
        self.pool = AsyncConnectionPool(
            settings.conninfo(),
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            timeout=settings.database_timeout,
            max_lifetime=1800,
            reconnect_timeout=RECONNECT_SECONDS,
            check=AsyncConnectionPool.check_connection,
            open=False,
            name="dash",
        )

    async def open(self) -> None:
        """Begin to connect; does not wait for it."""
        await self.pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection, within a bound."""
        await self.pool.close(timeout=CLOSE_SECONDS)

    async def run[T](
        self, work: Callable[[psycopg.AsyncConnection], Awaitable[T]], seconds: float | None = None
    ) -> T:
        """Do work in a transaction: see Transactions."""
        task = asyncio.create_task(self._transaction(work))
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds or self._timeout)
        except asyncio.CancelledError:
            self._leave(task)
            raise
        if not done:
            self._leave(task)
            raise Unavailable
        try:
            return task.result()
        except GONE as error:
            raise Unavailable from error

    async def _transaction[T](self, work: Callable[[psycopg.AsyncConnection], Awaitable[T]]) -> T:
        async with self.pool.connection() as connection:
            if connection.autocommit:
                # The pool checks a connection in that mode, and leaves it there when the check is
                # cancelled: each statement would be a transaction of its own from then on.
                await connection.set_autocommit(False)
            return await work(connection)

    def _leave[T](self, task: asyncio.Task[T]) -> None:
        """Cancel work without waiting for that: a server that hangs does not answer this either."""
        self._left.add(task)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget[T](self, task: asyncio.Task[T]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()


class Direct:
    """One connection for one transaction: for the command line, which says why it failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run[T](
        self, work: Callable[[psycopg.AsyncConnection], Awaitable[T]], seconds: float | None = None
    ) -> T:
        """Do work in a transaction: see Transactions."""
        try:
            async with asyncio.timeout(seconds):
                connection = await psycopg.AsyncConnection.connect(self._settings.conninfo())
        except (psycopg.OperationalError, OSError, TimeoutError) as error:
            raise Unavailable(unreachable(self._settings, error)) from None
        async with connection:
            return await work(connection)


def unreachable(settings: Settings, error: BaseException) -> str:
    """Return one line that says which database does not answer, and why."""
    where = f"{settings.database_name} on {settings.database_host}:{settings.database_port}"
    return f"the database {where} does not answer: {reason(error)}"


def reason(error: BaseException) -> str:
    """Return what matters of libpq's many lines: the last one, without what stands around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [x for x in lines if not x.startswith(("Is the server", "Multiple connection"))]
    if not useful:
        return type(error).__name__
    return useful[-1].rpartition("failed: ")[2] or useful[-1]
