"""API keys in PostgreSQL. One repository per transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

CHANNEL = "api_keys"  # NOTIFY carries the public id, nothing else
_COLUMNS = (
    "k.id, k.user_id, k.public_id, k.key_hash, k.verifier, k.name, k.permissions, k.rate_limit, "
    "k.created_at, k.expires_at, k.last_used_at, k.is_active, u.email, u.role, "
    "u.is_active AS user_is_active"
)
_FROM = "FROM api_keys k JOIN users u ON u.id = k.user_id"


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """One key with its owner; the secret itself is nowhere."""

    id: UUID
    user_id: UUID
    public_id: str
    key_hash: str = field(repr=False)
    verifier: bytes | None = field(repr=False)
    name: str
    permissions: Sequence[str]
    rate_limit: int
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    is_active: bool
    email: str
    role: str
    user_is_active: bool


class ApiKeyRepository:
    """The table `api_keys`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(
        self, user_id: UUID, *, public_id: str, key_hash: str, verifier: bytes, name: str,
        expires_at: datetime | None = None, permissions: Sequence[str] = (),
    ) -> ApiKey | None:
        """Add a key and return it."""
        await self._connection.execute(
            "INSERT INTO api_keys (user_id, public_id, key_hash, verifier, name, expires_at, "
            "permissions) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (user_id, public_id, key_hash, verifier, name, expires_at, Jsonb(list(permissions))))
        return await self.find_by_public_id(public_id)

    async def find_by_id(self, key_id: UUID) -> ApiKey | None:
        """Return the key with an id."""
        return await self._one(f"SELECT {_COLUMNS} {_FROM} WHERE k.id = %s", (key_id,))  # noqa: S608 -- constants

    async def find_by_public_id(self, public_id: str) -> ApiKey | None:
        """Return the key with a public id."""
        return await self._one(f"SELECT {_COLUMNS} {_FROM} WHERE k.public_id = %s", (public_id,))  # noqa: S608 -- constants

    async def set_verifier(self, key_id: UUID, verifier: bytes) -> None:
        """Keep a verifier that was made anew (after an import or a change of the pepper)."""
        await self._connection.execute(
            "UPDATE api_keys SET verifier = %s WHERE id = %s", (verifier, key_id))

    async def update(self, key_id: UUID, *, name: str, is_active: bool,
                     expires_at: datetime | None) -> bool:
        """Change a key and tell every process; False when there is none such."""
        cursor = await self._connection.execute(
            "UPDATE api_keys SET name = %s, is_active = %s, expires_at = %s WHERE id = %s "
            "RETURNING public_id", (name, is_active, expires_at, key_id))
        return await self._tell(await cursor.fetchone())

    async def delete(self, key_id: UUID) -> bool:
        """Remove a key and tell every process; False when there was none."""
        cursor = await self._connection.execute(
            "DELETE FROM api_keys WHERE id = %s RETURNING public_id", (key_id,))
        return await self._tell(await cursor.fetchone())

    async def list(self, user_id: UUID, after: UUID | None = None,
                   limit: int = 100) -> list[ApiKey]:
        """Return a user's keys in the order of their ids, beginning after `after`."""
        cursor = self._connection.cursor(row_factory=class_row(ApiKey))
        await cursor.execute(
            f"SELECT {_COLUMNS} {_FROM} WHERE k.user_id = %(user)s AND "  # noqa: S608 -- constants
            "(%(after)s::uuid IS NULL OR k.id > %(after)s) ORDER BY k.id LIMIT %(limit)s",
            {"user": user_id, "after": after, "limit": limit})
        return await cursor.fetchall()

    async def _tell(self, row: tuple[str, ...] | None) -> bool:
        if row is None:
            return False
        await self._connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, row[0]))
        return True

    async def _one(self, query: str, values: tuple[object, ...]) -> ApiKey | None:
        cursor = self._connection.cursor(row_factory=class_row(ApiKey))
        await cursor.execute(query, values)  # type: ignore[arg-type]  # built from constants above
        return await cursor.fetchone()
