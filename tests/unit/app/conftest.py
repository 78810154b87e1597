"""Settings without an environment, and a database that is a dictionary."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from app.access import hashing
from app.access.keys import ApiKey
from app.access.usage import SHARE, Grant, Meter
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
    taken: dict[tuple[Any, ...], int] = field(default_factory=dict)  # by group, meter and period
    now: float = 30.0  # seconds of its clock; a minute has 60 and a month 60,000

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
        self._found: ApiKey | Grant | None = None

    def cursor(self, **_: object) -> FakeConnection:
        """Return itself: it is its own cursor."""
        return self

    async def execute(self, query: object, values: Any) -> None:
        """Find a key by its public id, reserve for a key, or note what is written."""
        if isinstance(values, dict) and "key" in values:
            self._found = self._reserve(values)
            if self._database.gate is not None:
                await self._database.gate.wait()
            return
        if isinstance(query, str):
            self._database.written.append(values)
            if "greatest(0, u.taken" in query:
                self._give_back(values)
            if "SET verifier" in query:
                self._renew(*values)
            return
        self._found = self._database.rows.get(values[0])
        if self._database.gate is not None:
            await self._database.gate.wait()

    async def fetchone(self) -> ApiKey | Grant | None:
        """Return what was found when it was asked for."""
        return self._found

    def _reserve(self, values: dict[str, Any]) -> Grant | None:
        """Do what the real statement promises, with a clock that stands still."""
        database = self._database
        key = next((row for row in database.rows.values() if row.id == values["key"]), None)
        if key is None:
            return None
        meter = Meter(values["meter"])
        limit = {
            Meter.MINUTE: key.rate_limit,
            Meter.REQUESTS: key.request_budget,
            Meter.TOKENS: key.token_budget,
        }[meter] or 0
        window = 60 if meter is Meter.MINUTE else 60_000
        number, into = divmod(database.now, window)
        period = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number * window)
        row = (values["group"], meter, period)
        if values["back_period"] == period:
            database.taken[row] -= values["back"]
        room = max(0, limit - database.taken.get(row, 0))
        granted = 0 if room < values["need"] else max(values["need"], room // SHARE)
        database.taken[row] = database.taken.get(row, 0) + granted
        return Grant(
            granted=granted,
            period=period,
            ends_in=window - into,
            window=window,
            limit=limit,
            room=room - granted,
        )

    def _give_back(self, values: tuple[Any, ...]) -> None:
        for group, meter, period, amount in zip(*values, strict=True):
            self._database.taken[group, Meter(meter), period] -= amount

    def _renew(self, verifier: bytes, key_id: UUID) -> None:
        for public_id, row in self._database.rows.items():
            if row.id == key_id:
                self._database.rows[public_id] = replace(row, verifier=verifier)


@pytest.fixture(name="database")
def _database() -> FakeDatabase:
    """Return a database without keys."""
    return FakeDatabase()
