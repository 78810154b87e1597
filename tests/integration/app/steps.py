"""Migrations for the tests, in folders of their own, run on the real database."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from app import schema
from app.migrate import Limits, Migrator, Report
from tests.integration.postgres import Database

NOTES = """-- class: expand
-- migrate:up
CREATE TABLE notes (id integer PRIMARY KEY, body text);
-- migrate:risk
SELECT 'notes', count(*) FROM notes;
-- migrate:down
DROP TABLE notes;
"""
TAGS = """-- class: expand
-- migrate:up
ALTER TABLE notes ADD COLUMN tag text;
-- migrate:risk
SELECT 'notes.tag', count(*) FROM notes WHERE tag IS NOT NULL;
-- migrate:down
ALTER TABLE notes DROP COLUMN tag;
"""
STRICT = """-- class: contract
-- migrate:up
ALTER TABLE notes ALTER COLUMN body SET NOT NULL;
-- migrate:down
ALTER TABLE notes ALTER COLUMN body DROP NOT NULL;
"""
GONE = """-- class: irreversible
-- migrate:up
UPDATE notes SET body = '';
"""
THREE = {"0001_notes": NOTES, "0002_tags": TAGS, "0003_strict": STRICT}


class Steps:
    """A release's migrations: a folder that tests write into."""

    def __init__(self, database: Database, folder: Path, files: dict[str, str]) -> None:
        self.database, self.folder = database, folder
        self.limits = Limits(lock=0.5, statement=2.0)
        folder.mkdir(exist_ok=True)
        self.write(files)

    def write(self, files: dict[str, str]) -> None:
        """Write files, over those of the same name."""
        for name, text in files.items():
            (self.folder / f"{name}.sql").write_text(text, encoding="utf-8")

    def forget(self, *names: str) -> None:
        """Remove files: a release that does not know these migrations."""
        for name in names:
            (self.folder / f"{name}.sql").unlink()

    def run(
        self,
        *,
        plan: bool = False,
        to: str | None = None,
        contract: bool = False,
        accept_loss: bool = False,
    ) -> Report:
        """Run as the schema's owner."""
        server = self.database.server
        conninfo = make_conninfo(
            server.url, dbname=self.database.name, user="dash_owner", password=server.password
        )
        with psycopg.connect(conninfo, autocommit=True) as connection:
            migrator = Migrator(connection, schema.load(self.folder), "1.0.0", self.limits)
            return migrator.run(plan=plan, to=to, contract=contract, accept_loss=accept_loss)

    def tables(self) -> list[str]:
        """Return the tables that are there, without the book of migrations."""
        rows = self.database.query(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        return [name for (name,) in rows if name != "schema_migrations"]

    def columns(self, table: str = "notes") -> list[str]:
        """Return a table's columns."""
        rows = self.database.query(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s "
            "ORDER BY ordinal_position",
            table,
        )
        return [name for (name,) in rows]


def ids(rows: list[dict[str, object]]) -> list[object]:
    """Return the ids of a report's steps."""
    return [row["id"] for row in rows]
