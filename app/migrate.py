"""Apply and undo migrations: under an advisory lock, each in its own transaction."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from app import schema
from app.schema import Applied, Migration

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCK = 0x44415348  # "DASH": one migration run at a time
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  id text PRIMARY KEY,
  class text NOT NULL,
  checksum text NOT NULL,
  down_sql text NOT NULL,
  risk_sql text NOT NULL,
  version text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)
"""
# The service reads it and must not be able to alter what a rollback will run.
_READERS = """
DO $$ DECLARE reader text; BEGIN
  FOREACH reader IN ARRAY ARRAY['dash_app', 'dash_ops'] LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
      EXECUTE format('REVOKE ALL ON schema_migrations FROM %I', reader);
      EXECUTE format('GRANT SELECT ON schema_migrations TO %I', reader);
    END IF;
  END LOOP;
END $$
"""
# Newest first in the order in which they were applied: a held step may have come after later ones.
_APPLIED = """
SELECT id, class AS kind, checksum, down_sql AS down, risk_sql AS risk
FROM schema_migrations ORDER BY applied_at, id
"""
_RECORD = """
INSERT INTO schema_migrations (id, class, checksum, down_sql, risk_sql, version, applied_at)
VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())
"""


class MigrationError(Exception):
    """A run that stopped; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long (seconds) a step waits for a lock, and runs."""

    lock: float = 4.0
    statement: float = 30.0


@dataclass(kw_only=True)
class Report:
    """What a run did or, with `plan`, would do. `reason` says why the release does not fit."""

    applied: list[str] = field(default_factory=list)
    up: list[dict[str, Any]] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    down: list[dict[str, Any]] = field(default_factory=list)
    compatible: bool = True
    reason: str = ""

    @property
    def left(self) -> list[dict[str, Any]]:
        """Steps that were left in place because rows would be lost."""
        return [step for step in self.down if step["left"]]


class Migrator:
    """One run. Needs an autocommit connection as the schema's owner."""

    def __init__(
        self,
        connection: psycopg.Connection,
        known: Sequence[Migration],
        version: str,
        limits: Limits | None = None,
    ) -> None:
        self._connection, self._known, self._version = connection, known, version
        self._limits = limits or Limits()

    def run(
        self,
        *,
        plan: bool = False,
        to: str | None = None,
        contract: bool = False,
        accept_loss: bool = False,
    ) -> Report:
        """Bring the schema up, or to a migration.

        Args:
            plan: say what would happen, change nothing.
            to: undo everything newer than this id or number ("0" undoes all); when it is not
                applied yet, apply up to it.
            contract: run contract and irreversible steps too.
            accept_loss: undo also what loses rows.

        Raises:
            MigrationError: nothing of the failing step stays; earlier ones do.
        """
        self._limit()
        if not plan:
            self._lock()
        try:
            applied = self._applied()
            self._refuse_edited(applied)
            report = self._work(applied, plan, to, contract, accept_loss)
            now = self._applied()
        finally:
            with suppress(psycopg.Error):  # the session may be gone, and its lock with it
                self._connection.execute("SELECT pg_advisory_unlock_all()")
        report.applied = sorted(m.id for m in now)
        report.reason = schema.incompatible(self._known, [(m.id, m.kind) for m in now])
        report.compatible = not report.reason
        return report

    def _work(
        self,
        applied: list[Applied],
        plan: bool,  # noqa: FBT001 -- private
        to: str | None,
        contract: bool,  # noqa: FBT001 -- private
        accept_loss: bool,  # noqa: FBT001 -- private
    ) -> Report:
        goal = None if to is None else self._resolve(to, applied)
        if goal == "" or goal in {m.id for m in applied}:
            return self._down(applied, goal, plan=plan, accept_loss=accept_loss)
        return self._up(applied, goal, plan=plan, contract=contract)

    def _limit(self) -> None:
        for name, seconds in (
            ("lock_timeout", self._limits.lock),
            ("statement_timeout", self._limits.statement),
        ):
            self._connection.execute(
                "SELECT set_config(%s, %s, false)", (name, f"{int(seconds * 1000)}ms")
            )

    def _lock(self) -> None:
        try:
            self._connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        except psycopg.errors.LockNotAvailable:
            raise MigrationError(
                "another migration run holds the lock: try again when it has ended"
            ) from None
        try:
            with self._connection.transaction():
                self._connection.execute(_TABLE)
                self._connection.execute(_READERS)
        except psycopg.errors.InsufficientPrivilege as error:
            user = self._connection.info.user
            raise MigrationError(
                f"{user} may not change the schema ({_first_line(error)}): "
                "set DASH_APP_DATABASE_USER=dash_owner"
            ) from None

    def _applied(self) -> list[Applied]:
        there = self._connection.execute(
            "SELECT to_regclass('schema_migrations') IS NOT NULL"
        ).fetchone()
        if not there or not there[0]:
            return []
        cursor = self._connection.cursor(row_factory=class_row(Applied))
        return cursor.execute(_APPLIED).fetchall()

    def _refuse_edited(self, applied: list[Applied]) -> None:
        known = {m.id: m for m in self._known}
        for row in applied:
            if row.id in known and known[row.id].checksum != row.checksum:
                raise MigrationError(
                    f"{row.id}.sql was edited after it was applied (its checksum is "
                    f"{known[row.id].checksum[:12]}, the database has {row.checksum[:12]}): "
                    "restore the file and write a new migration"
                )

    def _resolve(self, to: str, applied: list[Applied]) -> str:
        """Return the id that `--to` means, "" for before the first."""
        if not to.strip("0"):
            return ""
        ids = sorted({m.id for m in applied} | {m.id for m in self._known})
        number = f"{int(to):04}_" if to.isdecimal() else to
        found = [i for i in ids if i == to or (to.isdecimal() and i.startswith(number))]
        if not found:
            raise MigrationError(f"there is no migration {to}: choose 0 or {', '.join(ids)}")
        return found[0]

    def _up(
        self,
        applied: list[Applied],
        goal: str | None,
        *,
        plan: bool,
        contract: bool,
    ) -> Report:
        have = {m.id for m in applied}
        report = Report()
        for migration in self._known:
            if migration.id in have or (goal is not None and migration.id > goal):
                continue
            row = _row(migration)
            if migration.kind != "expand" and not contract:
                report.held.append(row)
                continue
            report.up.append(row)
            if not plan:
                self._apply(migration)
        return report

    def _apply(self, migration: Migration) -> None:
        values = (migration.id, migration.kind, migration.checksum, migration.down, migration.risk)
        try:
            with self._connection.transaction():
                self._connection.execute(sql.SQL(migration.up))
                self._connection.execute(_RECORD, (*values, self._version))
        except psycopg.Error as error:
            raise MigrationError(
                f"{migration.id}.sql failed, nothing of it stays: {_first_line(error)}"
            ) from None

    def _down(self, applied: list[Applied], to: str, *, plan: bool, accept_loss: bool) -> Report:
        newer = [m for m in reversed(applied) if m.id > to]
        wall = next((m for m in newer if m.kind == "irreversible"), None)
        if wall is not None:
            raise MigrationError(
                f"{wall.id} is irreversible: freeze (deploy nothing, keep serving), roll "
                "forward with a new migration, or restore a backup taken before it"
            )
        report = Report()
        stopped = False
        for migration in newer:
            risk: list[dict[str, Any]] = []
            if plan:
                risk = self._plan_risk(migration, first=migration is newer[0])
                stopped = stopped or (bool(risk) and not accept_loss)
            elif not stopped:
                risk = self._undo(migration, accept_loss=accept_loss)
                stopped = bool(risk) and not accept_loss
            report.down.append({**_row(migration), "risk": risk, "left": stopped})
        return report

    def _plan_risk(self, migration: Applied, *, first: bool) -> list[dict[str, Any]]:
        """Count before the steps above it are undone; what they changed may be in the way."""
        try:
            return self._risk(migration)
        except psycopg.Error as error:
            if first:
                raise _uncountable(migration, error) from None
            what = f"{migration.id}: counted when the newer steps are undone"
            return [{"what": what, "rows": None}]

    def _risk(self, migration: Applied) -> list[dict[str, Any]]:
        if not migration.risk:
            return []
        rows = self._connection.execute(sql.SQL(migration.risk)).fetchall()
        return [{"what": str(what), "rows": int(count)} for what, count in rows if count]

    def _undo(self, migration: Applied, *, accept_loss: bool) -> list[dict[str, Any]]:
        """Undo a step, or leave it because rows would be lost. Returns those rows."""
        try:
            with self._connection.transaction():
                try:
                    risk = self._risk(migration)
                except psycopg.Error as error:
                    raise _uncountable(migration, error) from None
                if not risk or accept_loss:
                    self._connection.execute(sql.SQL(migration.down))
                    self._connection.execute(
                        "DELETE FROM schema_migrations WHERE id = %s", (migration.id,)
                    )
        except psycopg.Error as error:
            raise MigrationError(
                f"undoing {migration.id} failed, nothing of that was undone: {_first_line(error)}"
            ) from None
        return risk


def _row(migration: Migration | Applied) -> dict[str, Any]:
    return {
        "id": migration.id,
        "name": schema.name_of(migration.id),
        "class": migration.kind,
    }


def _uncountable(migration: Applied, error: psycopg.Error) -> MigrationError:
    return MigrationError(
        f"the rows that undoing {migration.id} would lose cannot be counted: {_first_line(error)}"
    )


def _first_line(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
