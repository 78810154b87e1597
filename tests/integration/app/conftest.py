"""The service on a database of its own, with short times where a test would wait for long ones."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app import schema
from tests.integration.app.steps import Steps
from tests.integration.link import Link
from tests.integration.postgres import Database, Server
from tests.integration.service import App, Serving

QUICK: dict[str, object] = {
    "color": "blue",
    "drain_notice_seconds": 0.2,
    "health_seconds": 0.2,
    "database_timeout": 2,
    "key_used_seconds": 0.3,
    "session_rate": 1_000_000,  # tests ask often from one address; those of limits say theirs
    "address_rate": 1_000_000,
}


@pytest.fixture(name="bare")
def _bare(empty: Database, tmp_path: Path) -> App:
    """Return the service's commands on a database without a table."""
    return App(empty, tmp_path, dict(QUICK))


@pytest.fixture(name="app")
def _app(bare: App) -> App:
    """Return the service's commands on a database with its schema."""
    Steps(bare.database, schema.DIRECTORY, {}).run()
    return bare


@pytest.fixture(name="house", scope="module")
def _house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Return the service's commands on a database that the tests of a file share."""
    database = server.create()
    Steps(database, schema.DIRECTORY, {}).run()
    yield App(database, tmp_path_factory.mktemp("house"), dict(QUICK))
    server.drop(database.name)


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    """Return the service, which is ready."""
    with app.serve() as serving:
        yield serving.ready()


@pytest.fixture(name="link")
def _link(app: App) -> Iterator[Link]:
    """Return a wire to the database; the service that is started afterwards goes through it."""
    with Link(app.database.address) as link:
        app.settings |= {"database_host": "127.0.0.1", "database_port": link.port}
        yield link


@pytest.fixture(name="connection")
async def _connection(app: App, server: Server) -> AsyncIterator[psycopg.AsyncConnection]:
    """Return a connection as dash_app, in a transaction that is rolled back."""
    conninfo = make_conninfo(
        server.url, dbname=app.database.name, user="dash_app", password=server.password
    )
    connection = await psycopg.AsyncConnection.connect(conninfo)
    yield connection
    await connection.rollback()
    await connection.close()


@pytest.fixture(name="swept", scope="module", autouse=True)
def _swept() -> Iterator[None]:
    """Collect the temporary files that pysaml2 leaves open here, not in somebody else's test."""
    yield
    if "saml2" not in sys.modules:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
