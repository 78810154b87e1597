"""Apply and undo migrations: under an advisory lock, each in its own transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from app import schema
from app.schema import Applied, Migration

LOCK = 0x44415348  # "DASH": one migration run at a time
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "30s"
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


class MigrationError(Exception):
    """A run that stopped; `str()` is one line."""


@dataclass(kw_only=True)
class Report:
    """What a run did or, with --plan, would do."""

    applied: list[str] = field(default_factory=list)
    up: list[dict[str, Any]] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    down: list[dict[str, Any]] = field(default_factory=list)
    compatible: bool = True

    @property
    def left(self) -> list[dict[str, Any]]:
        """Steps that were left in place because rows would be lost."""
        return [step for step in self.down if step["left"]]


class Migrator:
    """One run. Needs an autocommit connection as the schema's owner."""

    def __init__(self, connection: psycopg.Connection, known: list[Migration],
                 version: str) -> None:
        self._connection, self._known, self._version = connection, known, version

    def run(self, *, plan: bool = False, to: str | None = None, contract: bool = False,
            accept_loss: bool = False) -> Report:
        """Bring the schema up, or down to a migration.

        Args:
            plan: say what would happen, change nothing.
            to: undo everything newer than this id ("0" or "" undoes all).
            contract: run contract and irreversible steps too.
            accept_loss: undo also what loses rows.

        Raises:
            MigrationError: nothing of the failing step stays; earlier ones do.
        """
        if not plan:
            self._prepare()
        try:
            applied = self._applied()
            self._refuse_edited(applied)
            report = (self._up(applied, plan=plan, contract=contract) if to is None
                      else self._down(applied, to, plan=plan, accept_loss=accept_loss))
            now = self._applied()
            report.applied = [m.id for m in now]
            report.compatible = not schema.incompatible(
                self._known, [(m.id, m.kind) for m in now])
            return report
        finally:
            self._connection.execute("SELECT pg_advisory_unlock_all()")

    def _prepare(self) -> None:
        self._connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        self._connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        try:
            self._connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        except psycopg.errors.LockNotAvailable:
            msg = "another migration run holds the lock: try again when it has ended"
            raise MigrationError(msg) from None
        with self._connection.transaction():
            self._connection.execute(_TABLE)
            self._connection.execute(_READERS)

    def _applied(self) -> list[Applied]:
        there = self._connection.execute(
            "SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
        if not there or not there[0]:
            return []
        cursor = self._connection.cursor(row_factory=class_row(Applied))
        cursor.execute("SELECT id, class AS kind, checksum, down_sql AS down, risk_sql AS risk "
                       "FROM schema_migrations ORDER BY id")
        return cursor.fetchall()

    def _refuse_edited(self, applied: list[Applied]) -> None:
        known = {m.id: m for m in self._known}
        for row in applied:
            if row.id in known and known[row.id].checksum != row.checksum:
                msg = (f"{row.id}.sql was edited after it was applied (checksum "
                       f"{known[row.id].checksum[:12]}, the database has {row.checksum[:12]}): "
                       "restore the file and write a new migration")
                raise MigrationError(msg)

    def _up(self, applied: list[Applied], *, plan: bool, contract: bool) -> Report:
        have = {m.id for m in applied}
        report = Report()
        for migration in self._known:
            if migration.id in have:
                continue
            row = {"id": migration.id, "class": migration.kind}
            if migration.kind != "expand" and not contract:
                report.held.append(row)
                continue
            report.up.append(row)
            if not plan:
                self._apply(migration)
        return report

    def _apply(self, migration: Migration) -> None:
        try:
            with self._connection.transaction():
                self._connection.execute(sql.SQL(migration.up))  # type: ignore[arg-type]  # a file of the release
                self._connection.execute(
                    "INSERT INTO schema_migrations (id, class, checksum, down_sql, risk_sql, "
                    "version) VALUES (%s, %s, %s, %s, %s, %s)",
                    (migration.id, migration.kind, migration.checksum, migration.down,
                     migration.risk, self._version))
        except psycopg.Error as error:
            raise MigrationError(f"{migration.id}.sql failed, nothing of it stays: "
                                 f"{_first_line(error)}") from None

    def _down(self, applied: list[Applied], to: str, *, plan: bool, accept_loss: bool) -> Report:
        newer = [m for m in reversed(applied) if m.id > to] if to not in ("", "0") else list(
            reversed(applied))
        wall = next((m for m in newer if m.kind == "irreversible"), None)
        if wall is not None:
            msg = (f"{wall.id} is irreversible: freeze (deploy nothing, keep serving), roll "
                   "forward with a new migration, or restore a backup taken before it")
            raise MigrationError(msg)
        report = Report()
        stopped = False
        for migration in newer:
            risk = self._risk(migration)
            loses = any(r["rows"] for r in risk)
            stopped = stopped or (loses and not accept_loss)
            report.down.append({"id": migration.id, "class": migration.kind, "risk": risk,
                                "left": stopped})
            if not plan and not stopped:
                self._undo(migration)
        return report

    def _risk(self, migration: Applied) -> list[dict[str, Any]]:
        if not migration.risk:
            return []
        try:
            rows = self._connection.execute(sql.SQL(migration.risk)).fetchall()  # type: ignore[arg-type]  # stored when it was applied
        except psycopg.Error as error:
            msg = f"the risk of {migration.id} cannot be counted: {_first_line(error)}"
            raise MigrationError(msg) from None
        return [{"what": str(what), "rows": int(count)} for what, count in rows if count]

    def _undo(self, migration: Applied) -> None:
        try:
            with self._connection.transaction():
                self._connection.execute(sql.SQL(migration.down))  # type: ignore[arg-type]  # stored when it was applied
                self._connection.execute("DELETE FROM schema_migrations WHERE id = %s",
                                         (migration.id,))
        except psycopg.Error as error:
            msg = f"undoing {migration.id} failed, nothing was undone: {_first_line(error)}"
            raise MigrationError(msg) from None


def _first_line(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
