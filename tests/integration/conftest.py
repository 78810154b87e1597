"""PostgreSQL 17 for the session, a database for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration import postgres
from tests.integration.postgres import Database, Server


@pytest.fixture(name="server", scope="session")
def _server() -> Iterator[Server]:
    """Return a server; without one the tests fail, they are never skipped."""
    with postgres.server() as server:
        yield server


@pytest.fixture(name="empty")
def _empty(server: Server) -> Iterator[Database]:
    """Return a database without a table."""
    database = server.create()
    yield database
    server.drop(database.name)
