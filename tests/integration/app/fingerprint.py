"""What a database is and holds, in a form that can be compared."""

from __future__ import annotations

import json
from typing import Any

from psycopg.sql import SQL, Identifier

from tests.integration.postgres import Database

OWN = ("schema_migrations", "schema_migrations_pkey")  # tells when each step ran
CATALOGUE = {
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,
               column_default
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "indexes": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 2",
    "relations": """
        SELECT relname, relkind::text, pg_get_userbyid(relowner), relacl::text
        FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2""",
}


def schema(database: Database) -> dict[str, Any]:
    """Return everything of the schema that migrations make."""
    with database.connect() as connection:
        return {
            name: [row for row in connection.execute(SQL(query)) if row[0] not in OWN]
            for name, query in CATALOGUE.items()
        }


def kept(before: dict[str, list[str]], after: dict[str, list[str]]) -> bool:
    """Tell whether all rows are there as they were; columns may have been added."""
    for table, rows in before.items():
        columns = set(json.loads(rows[0])) if rows else set()
        cut = [{k: v for k, v in json.loads(x).items() if k in columns} for x in after[table]]
        if sorted(map(str, cut)) != sorted(str(json.loads(x)) for x in rows):
            return False
    return True


def data(database: Database) -> dict[str, list[str]]:
    """Return every row of every table as JSON, by table."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        return {
            name: [
                row[0]
                for row in connection.execute(
                    SQL("SELECT to_jsonb(t)::text FROM {} t ORDER BY 1").format(Identifier(name))
                )
            ]
            for (name,) in tables
            if name not in OWN
        }
