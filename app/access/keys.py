"""API keys in PostgreSQL. One repository per transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.rows import class_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from app.access.users import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection
    from psycopg.sql import Composed

_KEYS = SQL(
    "SELECT k.id, k.user_id, k.public_id, k.key_hash, k.verifier, k.name, k.permissions, "
    "k.rate_limit, k.request_budget, k.token_budget, k.group_id, k.replaced_by, k.created_at, "
    "k.expires_at, k.last_used_at, k.is_active, u.email, u.role, u.is_active AS user_is_active "
    "FROM api_keys k JOIN users u ON u.id = k.user_id"
)
_CREATE = (
    "INSERT INTO api_keys (user_id, public_id, key_hash, verifier, name, expires_at, permissions, "
    "rate_limit, request_budget, token_budget, group_id) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_BY_ID = SQL("{} WHERE k.id = %s").format(_KEYS)
_BY_PUBLIC_ID = SQL("{} WHERE k.public_id = %s").format(_KEYS)
_OWN = SQL("{} WHERE k.user_id = %s AND k.public_id = %s FOR UPDATE OF k").format(_KEYS)
_LIST = SQL(
    "{} WHERE k.user_id = %(user)s AND (%(after)s::uuid IS NULL OR k.id > %(after)s) "
    "AND (k.is_active OR NOT %(active)s) ORDER BY k.id LIMIT %(limit)s"
).format(_KEYS)
_COUNT = "SELECT count(*) FROM api_keys WHERE user_id = %s AND is_active"
_UPDATE = (
    "UPDATE api_keys SET name = %s, is_active = %s, expires_at = %s, "
    "permissions = coalesce(%s, permissions) WHERE id = %s RETURNING public_id"
)
_REPLACE = (
    "UPDATE api_keys SET replaced_by = %s, expires_at = least(expires_at, %s) WHERE id = %s "
    "RETURNING public_id"
)
_LIMIT = (
    "UPDATE api_keys SET rate_limit = %s, request_budget = %s, token_budget = %s "
    "WHERE id = %s OR group_id = %s RETURNING pg_notify(%s, public_id)"
)
_USED = (
    "UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.at) "
    "FROM unnest(%s::uuid[], %s::timestamptz[]) AS u (id, at) WHERE k.id = u.id"
)


# What may be asked for, over HTTP and on the command line
LONGEST_DAYS = 3650
MOST_REQUESTS = 1_000_000  # a minute
MOST_BUDGET = 10**15


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the keys of a group may use: requests a minute, requests and tokens a month."""

    rate_limit: int = 100
    request_budget: int | None = None
    token_budget: int | None = None


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
    request_budget: int | None = None
    token_budget: int | None = None
    group_id: UUID | None = None
    replaced_by: str | None = None

    @property
    def group(self) -> UUID:
        """The keys that share its limits; a key that nothing was made of is alone in it."""
        return self.group_id or self.id

    @property
    def limits(self) -> Limits:
        """What its group may use."""
        return Limits(
            rate_limit=self.rate_limit,
            request_budget=self.request_budget,
            token_budget=self.token_budget,
        )


class ApiKeyRepository:
    """The table `api_keys`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(  # noqa: PLR0913 -- a column each
        self,
        user_id: UUID,
        *,
        public_id: str,
        key_hash: str,
        verifier: bytes | None,
        name: str,
        expires_at: datetime | None = None,
        permissions: Sequence[str] = (),
        limits: Limits | None = None,
        group_id: UUID | None = None,
    ) -> ApiKey:
        """Add a key and return it; without limits it gets the common ones."""
        may = limits or Limits()
        row = (user_id, public_id, key_hash, verifier, name, expires_at, Jsonb(list(permissions)))
        more = (may.rate_limit, may.request_budget, may.token_budget, group_id)
        await self._connection.execute(_CREATE, (*row, *more))
        key = await self.find_by_public_id(public_id)
        if key is None:  # pragma: no cover -- it was written one line above
            raise LookupError(public_id)
        return key

    async def find_by_id(self, key_id: UUID) -> ApiKey | None:
        """Return the key with an id."""
        return await self._one(_BY_ID, (key_id,))

    async def find_by_public_id(self, public_id: str) -> ApiKey | None:
        """Return the key with a public id."""
        return await self._one(_BY_PUBLIC_ID, (public_id,))

    async def lock_own(self, user_id: UUID, public_id: str) -> ApiKey | None:
        """Return a user's key, which nobody else changes until the transaction ends."""
        return await self._one(_OWN, (user_id, public_id))

    async def count(self, user_id: UUID) -> int:
        """Return how many keys of a user are not revoked."""
        cursor = await self._connection.execute(_COUNT, (user_id,))
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def replace(self, key_id: UUID, by: str, until: datetime) -> bool:
        """Let a key end at a time, if not before, and say which follows it. Tells everybody."""
        cursor = await self._connection.execute(_REPLACE, (by, until, key_id))
        return await self._tell(await cursor.fetchone())

    async def limit(self, group: UUID, limits: Limits) -> int:
        """Change what the keys of a group may use, tell everybody, return how many there are."""
        may = (limits.rate_limit, limits.request_budget, limits.token_budget)
        cursor = await self._connection.execute(_LIMIT, (*may, group, group, CHANNEL))
        return cursor.rowcount

    async def set_verifier(self, key_id: UUID, verifier: bytes) -> None:
        """Keep a verifier that was made anew (after an import or a change of the pepper)."""
        await self._connection.execute(
            "UPDATE api_keys SET verifier = %s WHERE id = %s", (verifier, key_id)
        )

    async def set_used(self, used: Mapping[UUID, datetime]) -> None:
        """Note when keys were last used; an older note never wins over a newer one."""
        await self._connection.execute(_USED, (list(used), list(used.values())))

    async def update(
        self,
        key_id: UUID,
        *,
        name: str,
        is_active: bool,
        expires_at: datetime | None,
        permissions: Sequence[str] | None = None,
    ) -> bool:
        """Change a key and tell every process; False when there is none such.

        Without permissions those that it has stay.
        """
        may = None if permissions is None else Jsonb(list(permissions))
        cursor = await self._connection.execute(_UPDATE, (name, is_active, expires_at, may, key_id))
        return await self._tell(await cursor.fetchone())

    async def delete(self, key_id: UUID) -> bool:
        """Remove a key and tell every process; False when there was none."""
        cursor = await self._connection.execute(
            "DELETE FROM api_keys WHERE id = %s RETURNING public_id", (key_id,)
        )
        return await self._tell(await cursor.fetchone())

    async def list(
        self, user_id: UUID, after: UUID | None = None, limit: int = 100, *, active: bool = False
    ) -> list[ApiKey]:
        """Return a user's keys in the order of their ids, beginning after `after`.

        With `active` those that were revoked are left out.
        """
        cursor = self._connection.cursor(row_factory=class_row(ApiKey))
        values = {"user": user_id, "after": after, "limit": limit, "active": active}
        await cursor.execute(_LIST, values)
        return await cursor.fetchall()

    async def _tell(self, row: tuple[str, ...] | None) -> bool:
        if row is None:
            return False
        await self._connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, row[0]))
        return True

    async def _one(self, query: Composed, values: tuple[object, ...]) -> ApiKey | None:
        cursor = self._connection.cursor(row_factory=class_row(ApiKey))
        await cursor.execute(query, values)
        return await cursor.fetchone()
