"""Settings without an environment, and a database that is a dictionary."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from app.access import hashing
from app.access.keys import ApiKey
from app.errors import Unavailable
from app.settings import Settings

PEPPER = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test, and bcrypt is quick."""
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(hashing, "COST", 4)


@pytest.fixture(name="settings")
def _settings() -> Settings:
    """Return settings with a pepper and a database that nobody runs."""
    return Settings(key_pepper=SecretStr(PEPPER), database_port=1, color="blue")


@dataclass
class FakeDatabase:
    """Transactions over a dictionary of keys; may be gone, slow or held up."""

    rows: dict[str, ApiKey] = field(default_factory=dict)
    gone: bool = False
    asked: list[float | None] = field(default_factory=list)
    written: list[tuple[Any, ...]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def run[T](self, work: Callable[[Any], Awaitable[T]], seconds: float | None = None) -> T:
        """Do what app.db.Transactions promises."""
        self.asked.append(seconds)
        if self.gone:
            raise Unavailable
        return await work(FakeConnection(self))

    def add(self, *, pepper: str | None = PEPPER, **fields: Any) -> str:
        """Add a key and return it whole; without a pepper it has no verifier."""
        public_id, secret, whole = hashing.new_key()
        row = ApiKey(
            id=uuid4(),
            user_id=uuid4(),
            public_id=public_id,
            key_hash=hashing.at_rest(secret),
            verifier=hashing.verifier(secret, public_id, pepper) if pepper else None,
            name="default",
            permissions=[],
            rate_limit=100,
            created_at=datetime.now(UTC),
            expires_at=None,
            last_used_at=None,
            is_active=True,
            email="ann@example.org",
            role="user",
            user_is_active=True,
        )
        self.rows[public_id] = replace(row, **fields)
        return whole

    def change(self, key: str, **fields: Any) -> str:
        """Change a key's row and return its public id."""
        public_id = key.split("_")[1]
        self.rows[public_id] = replace(self.rows[public_id], **fields)
        return public_id


class FakeConnection:
    """As much of psycopg as the repository of keys uses."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database
        self._found: ApiKey | None = None

    def cursor(self, **_: object) -> FakeConnection:
        """Return itself: it is its own cursor."""
        return self

    async def execute(self, query: object, values: tuple[Any, ...]) -> None:
        """Find a key by its public id, or note what is written."""
        if isinstance(query, str):
            self._database.written.append(values)
            if "SET verifier" in query:
                self._renew(*values)
            return
        self._found = self._database.rows.get(values[0])
        if self._database.gate is not None:
            await self._database.gate.wait()

    async def fetchone(self) -> ApiKey | None:
        """Return what was found when it was asked for."""
        return self._found

    def _renew(self, verifier: bytes, key_id: UUID) -> None:
        for public_id, row in self._database.rows.items():
            if row.id == key_id:
                self._database.rows[public_id] = replace(row, verifier=verifier)


@pytest.fixture(name="database")
def _database() -> FakeDatabase:
    """Return a database without keys."""
    return FakeDatabase()
