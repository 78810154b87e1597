"""The operators' view of the database, over the local socket as role dash_ops (peer, from root)."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "dash_ops"
TIMEOUT = 5  # seconds to connect, and for one statement
LAST = 200  # entries
INSERT = """
INSERT INTO ops.ledger (id, at, outcome, entry) VALUES (%s, %s, %s, %s)
ON CONFLICT (id, outcome) DO NOTHING
"""
# numbackends, because another role's rows of pg_stat_activity do not say what they are
FREE = """
SELECT current_setting('max_connections')::int
  - current_setting('superuser_reserved_connections')::int
  - (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database)::int
"""


class Unreachable(Fault):
    """The database does not answer, or refuses; `str()` is one line."""


@contextmanager
def connect(database: str) -> Iterator[Any]:
    """Yield a connection that commits when the block ends well. Raises Unreachable."""
    try:
        import psycopg  # noqa: PLC0415 -- only database hosts have it
    except ImportError:
        raise Unreachable(
            "python3-psycopg is not installed on this host. Next: ./dash configure"
        ) from None
    try:
        with psycopg.connect(
            host=paths.POSTGRES_SOCKET,
            dbname=database,
            user=ROLE,
            connect_timeout=TIMEOUT,
            options=f"-c statement_timeout={TIMEOUT}s",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise Unreachable(f"database {database}: {one_line(error)}") from None


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


def free_connections(connection: Any) -> int:
    """Return how many more connections the server takes from ordinary roles."""
    return int(connection.execute(FREE).fetchone()[0])


def carry(connection: Any, entries: list[dict[str, Any]]) -> int:
    """Insert the ledger entries that the database does not have; return how many."""
    inserted = 0
    for entry in entries:
        row = (entry["id"], entry["at"], entry["outcome"], json.dumps(entry))
        inserted += connection.execute(INSERT, row).rowcount
    return inserted
