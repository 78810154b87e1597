"""What `Database` runs is one transaction, whatever became of the one before."""

from __future__ import annotations

import psycopg
import pytest
from pydantic import SecretStr

from app.db import Database
from app.settings import Settings
from tests.integration.postgres import Server
from tests.integration.service import App


async def test_work_that_fails_leaves_nothing_on_a_connection_whose_check_was_cut_off(
    app: App, server: Server
) -> None:
    """The pool checks connections in autocommit, and a check that is cancelled leaves it on."""
    host, port = app.database.address
    database = Database(Settings(
        database_host=host, database_port=port, database_name=app.database.name,
        db_password=SecretStr(server.password), pool_max=1,
    ))  # fmt: skip

    async def fail(connection: psycopg.AsyncConnection) -> None:
        await connection.execute("INSERT INTO users (email) VALUES ('half@example.org')")
        await connection.execute("SELECT 1 / 0")

    async def count(connection: psycopg.AsyncConnection) -> int:
        query = "SELECT count(*) FROM users WHERE email = 'half@example.org'"
        row = await (await connection.execute(query)).fetchone()
        return int(row[0]) if row else -1

    await database.open()
    try:
        async with database.pool.connection() as connection:
            await connection.set_autocommit(True)
        with pytest.raises(psycopg.errors.DivisionByZero):
            await database.run(fail)
        assert await database.run(count) == 0
    finally:
        await database.close()
