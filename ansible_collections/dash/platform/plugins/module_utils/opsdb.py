"""The operators' view of the database, over the local socket as role dash_ops (peer, from root)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SOCKET = "/var/run/postgresql"
TIMEOUT = 5  # seconds to connect
LAST = 200  # entries


class Unreachable(Exception):
    """The database does not answer; `str()` is one line."""


@contextmanager
def connect(database: str) -> Iterator[Any]:
    """Yield a connection that commits when the block ends well. Raises Unreachable."""
    try:
        import psycopg  # noqa: PLC0415 -- only database hosts have it
    except ImportError:
        msg = "python3-psycopg is not installed on this host. Next: ./dash configure"
        raise Unreachable(msg) from None
    try:
        with psycopg.connect(host=SOCKET, dbname=database, user="dash_ops",
                             connect_timeout=TIMEOUT) as connection:
            yield connection
    except psycopg.Error as error:
        lines = str(error).strip().splitlines() or ["no reason given"]
        raise Unreachable(lines[0]) from None


def migrations(connection: Any) -> list[dict[str, str]]:
    """Return id and class of every applied migration, oldest first."""
    if not connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone()[0]:
        return []
    rows = connection.execute("SELECT id, class FROM public.schema_migrations ORDER BY id")
    return [{"id": str(row[0]), "class": str(row[1])} for row in rows]


def ledger(connection: Any) -> list[dict[str, Any]]:
    """Return the newest ledger entries, oldest first."""
    rows = connection.execute("SELECT entry FROM ops.ledger ORDER BY at DESC LIMIT %s", (LAST,))
    return [row[0] for row in reversed(rows.fetchall())]
