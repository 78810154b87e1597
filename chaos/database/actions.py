"""Break PostgreSQL from within, and mend it. Killing and stopping it: `chaos.unit.actions`."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from chaos import levers, running

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "allow_writes", "deadlock", "forbid_writes", "free_connections", "hold_locks",
    "release_locks", "use_up_connections",
]  # fmt: skip

HOST = "db-1"
CROWD, LOCKS = "dash-chaos-crowd", "dash-chaos-locks"
PSQL = "runuser -u postgres -- psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 dash"
# A session of ours must be able to mend what it forbids, and is found by its name.
FREE = "PGAPPNAME=dash-chaos PGOPTIONS='-c default_transaction_read_only=off'"
# Takes every connection there is but those that PostgreSQL keeps for superusers, and waits for
# more: what anybody gives back is gone at once.
TAKE = """\
import psycopg, time
kept = []
while True:
    try:
        kept.append(psycopg.connect("dbname=dash user=dash_ops"))
    except psycopg.OperationalError:
        time.sleep(0.01)
"""
END_SESSIONS = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'dash_app'"
)
# The locks are taken by the statements that the first one makes. The service takes the same ones in
# another order: in a deadlock, whoever looks for it first is ended, and that shall not be ours.
LOCK = """\
BEGIN;
SET LOCAL deadlock_timeout = '10min';
SELECT format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', schemaname, tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename LIKE '{tables}' ORDER BY tablename \\gexec
SELECT pg_sleep({seconds});
"""
HELD = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'dash-chaos' AND query LIKE 'SELECT pg_sleep%'"
)


def use_up_connections(host: str = HOST) -> None:
    """Take every connection to PostgreSQL that an ordinary role can have, the service's too."""
    _do(
        free_connections, host, "without a free connection",
        f"systemd-run --quiet --collect --unit={CROWD} /usr/bin/python3 -c {shlex.quote(TAKE)}\n"
        # Both want what is given back: the service's pool is quicker now and then, but not always.
        f"for _ in $(seq 20); do sleep 0.5; {_sql(END_SESSIONS)} > /dev/null; done",
        levers.end(CROWD),
    )  # fmt: skip


def free_connections(host: str = HOST) -> None:
    """Give the connections to PostgreSQL back."""
    levers.undo_on(host, free_connections, levers.end(CROWD))


def hold_locks(host: str = HOST, tables: str = "%", seconds: int = 600) -> None:
    """Lock tables of the service in a transaction that stays open.

    Args:
        host: of the database.
        tables: which, as LIKE has it; all without it.
        seconds: until the transaction ends by itself.
    """
    if not re.fullmatch(r"[a-z_%]+", tables):
        raise ValueError(f"tables is {tables!r}: letters, _ and %")
    script = LOCK.format(tables=tables, seconds=int(seconds))
    _do(
        release_locks, host, "with its tables locked",
        f"systemd-run --quiet --collect --unit={LOCKS} /bin/bash -c "
        f"{shlex.quote(f'{FREE} {PSQL} <<< {shlex.quote(script)}')}\n"
        f'tries=0; until [ "$({_sql(HELD)} --tuples-only --no-align)" = 1 ]; do\n'
        "  tries=$((tries + 1)); sleep 0.25\n"
        "  [ $tries -lt 80 ] || { echo 'the locks were not had within 20 s' >&2; exit 1; }\ndone",
        _release(),
    )  # fmt: skip


def release_locks(host: str = HOST) -> None:
    """End the transaction that holds the locks."""
    levers.undo_on(host, release_locks, _release())


def forbid_writes(host: str = HOST) -> None:
    """Have every transaction be read-only, as on a standby."""
    _do(
        allow_writes, host, "read-only",
        f"{_sql('ALTER SYSTEM SET default_transaction_read_only = on')}\n{_reload()}",
        _allow(),
    )  # fmt: skip


def allow_writes(host: str = HOST) -> None:
    """Have transactions write again."""
    levers.undo_on(host, allow_writes, _allow())


def deadlock(host: str = HOST) -> None:
    """Have two transactions of ours wait for one another, on locks that nobody else wants."""
    one, other = (
        f"BEGIN; SELECT pg_advisory_xact_lock({a}); SELECT pg_sleep(1); "
        f"SELECT pg_advisory_xact_lock({b}); COMMIT"
        for a, b in ((818101, 818102), (818102, 818101))
    )
    _do(
        release_locks, host, "in a deadlock",
        f"{_sql(one)} > /dev/null 2>&1 & {_sql(other)} > /dev/null 2>&1 || true\nwait || true",
        _release(),
    )  # fmt: skip


def _do(undo: Callable[[str], None], host: str, how: str, script: str, mend: str) -> None:
    host = running.current().host(host)
    levers.do(
        undo, {"host": host}, what=f"PostgreSQL on {host} {how}", host=host, script=script,
        mend=mend,
    )  # fmt: skip


def _sql(statement: str) -> str:
    return f"{FREE} {PSQL} --command {shlex.quote(statement)}"


def _reload() -> str:
    return f"{_sql('SELECT pg_reload_conf()')} > /dev/null"


def _release() -> str:
    """End the client, and its session: the server would notice only when it has the next lock."""
    statement = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'dash-chaos' AND pid <> pg_backend_pid()"
    )
    return f"{levers.end(LOCKS)}\n{_sql(statement)} > /dev/null"


def _allow() -> str:
    return f"{_sql('ALTER SYSTEM RESET default_transaction_read_only')}\n{_reload()}"
