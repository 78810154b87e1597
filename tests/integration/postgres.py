"""A real PostgreSQL 17 for the tests: a container of the host image, or a server that is there."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from infra.podman import image, runtime

PREFIX = "dash-test-pg-"
START_SECONDS = 60
LIFE_SECONDS = 3600  # a container whose tests were killed ends by itself
ROLES = ("dash_owner", "dash_app")
MARK = "made by Dash's tests"
BINARIES = "/usr/lib/postgresql/17/bin"
START = f"""
set -e
export PATH={BINARIES}:$PATH
printf %s "$PASSWORD" > /tmp/pw
initdb -D /tmp/pg -U postgres --pwfile=/tmp/pw --auth=scram-sha-256 -E UTF8 --no-sync >/tmp/initdb
echo 'host all all all scram-sha-256' >> /tmp/pg/pg_hba.conf
exec timeout --foreground {LIFE_SECONDS} postgres -D /tmp/pg -c listen_addresses='*' -c fsync=off \
  -c unix_socket_directories=/tmp -c max_connections=80 -c shared_buffers=32MB
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server on which the tests are superuser. `password` is of both roles."""

    url: str
    password: str

    def connect(self, name: str = "") -> psycopg.Connection:
        """Connect as superuser, to a database when named; each statement commits."""
        options = {"dbname": name} if name else {}
        return psycopg.connect(make_conninfo(self.url, **options), autocommit=True)

    def make_roles(self) -> None:
        """Make the service's two roles, with the tests' password."""
        with self.connect() as connection:
            for role in ROLES:
                found = connection.execute(
                    "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s",
                    (role,),
                ).fetchone()
                if found is not None and found[0] != MARK:
                    raise RuntimeError(
                        f"{self.where} has a role {role} of its own: "
                        "give DASH_TEST_POSTGRES a server that is for tests"
                    )
                name = Identifier(role)
                if found is None:
                    connection.execute(SQL("CREATE ROLE {} LOGIN").format(name))
                connection.execute(SQL("COMMENT ON ROLE {} IS {}").format(name, Literal(MARK)))
                connection.execute(
                    SQL("ALTER ROLE {} PASSWORD {}").format(name, Literal(self.password))
                )

    @property
    def where(self) -> str:
        """Its address, without the password."""
        parts = conninfo_to_dict(self.url)
        return f"{parts.get('host')}:{parts.get('port', 5432)}"

    def create(self) -> Database:
        """Make an empty database as roles/postgres makes it: dash_owner owns, dash_app uses."""
        name = f"dash_test_{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(SQL("CREATE DATABASE {} OWNER dash_owner").format(Identifier(name)))
        with self.connect(name) as connection:
            connection.execute("ALTER SCHEMA public OWNER TO dash_owner")
            connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            connection.execute("GRANT USAGE ON SCHEMA public TO dash_app")
            connection.execute(
                "ALTER DEFAULT PRIVILEGES FOR ROLE dash_owner IN SCHEMA public "
                "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO dash_app"
            )
        return Database(server=self, name=name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        with self.connect() as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@dataclass(frozen=True, kw_only=True)
class Database:
    """One database of a test."""

    server: Server
    name: str

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server."""
        parts = conninfo_to_dict(self.server.url)
        return str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432)

    @contextmanager
    def connect(self, user: str = "") -> Iterator[psycopg.Connection]:
        """Connect as superuser, or as one of the two roles."""
        more = {"user": user, "password": self.server.password} if user else {}
        conninfo = make_conninfo(self.server.url, dbname=self.name, **more)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            yield connection

    def query(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as superuser and return its rows."""
        with self.connect() as connection:
            cursor = connection.execute(SQL(text), values or None)
            return cursor.fetchall() if cursor.description else []

    def environment(self, user: str = "dash_app") -> dict[str, str]:
        """Return the service's settings for this database; the password is a credential."""
        host, port = self.address
        return {
            "DASH_APP_DATABASE_HOST": host,
            "DASH_APP_DATABASE_PORT": str(port),
            "DASH_APP_DATABASE_NAME": self.name,
            "DASH_APP_DATABASE_USER": user,
        }

    def end_connections(self) -> int:
        """End everybody's connections to this database, as a restart does; return how many."""
        return len(
            self.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


@contextmanager
def server() -> Iterator[Server]:
    """Yield the server that DASH_TEST_POSTGRES names, or one that lives as long as the block."""
    given = os.environ.get("DASH_TEST_POSTGRES")
    if given:
        yield _ready(Server(url=given, password=secrets.token_hex(12)), 5)
        return
    password = secrets.token_hex(12)
    name = PREFIX + secrets.token_hex(4)
    try:
        runtime.podman(*_words(name, password), timeout=START_SECONDS)
        port = runtime.podman("port", name, "5432/tcp").strip().rpartition(":")[2]
        url = make_conninfo(
            "", host="127.0.0.1", port=port, user="postgres", password=password, dbname="postgres"
        )
        yield _ready(Server(url=url, password=password), START_SECONDS, name)
    finally:
        runtime.podman("rm", "--force", "--time", "0", name, check=False)


def _words(name: str, password: str) -> Sequence[str]:
    """Return the command line that starts the container."""
    return (
        "run", "--detach", "--name", name, "--publish", "127.0.0.1::5432",
        "--user", "postgres", "--env", f"PASSWORD={password}", "--tmpfs", "/tmp:size=1g,mode=1777",
        _image(), "/bin/sh", "-c", START,
    )  # fmt: skip


def _image() -> str:
    """Return the host image: the one that is given, else the newest, else a new one."""
    given = os.environ.get("DASH_TEST_IMAGE")
    if given:
        return given
    there = runtime.podman(
        "images", "--sort", "created", "--format", "{{.Repository}}:{{.Tag}}", image.NAME
    ).split()
    return there[0] if there else image.ensure()


def _ready(server: Server, seconds: float, name: str = "") -> Server:
    """Wait until the server answers, and make the roles."""
    end = time.monotonic() + seconds
    while True:
        try:
            server.make_roles()
        except psycopg.OperationalError as error:
            if time.monotonic() > end:
                said = runtime.podman("logs", name, check=False) if name else ""
                raise RuntimeError(
                    f"PostgreSQL at {server.where} does not answer: {error} {said}"
                ) from None
            time.sleep(0.1)
        else:
            return server
