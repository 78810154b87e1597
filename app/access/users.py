"""Users in PostgreSQL. One repository per transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.rows import class_row
from psycopg.sql import SQL

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection
    from psycopg.sql import Composed

ROLES = ("admin", "operator", "user", "viewer")
# What HTML calls an email address, in ASCII alone: no two that look or fold alike are two users.
EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"
LONGEST_EMAIL = 254  # characters, as mail has it
CHANNEL = "api_keys"  # NOTIFY carries a key's public id, nothing else
_COLUMNS = SQL("id, email, role, is_active, created_at")
_CREATE = SQL(
    "INSERT INTO users (email, role) VALUES (lower(%s), %s) "
    "ON CONFLICT (email) DO NOTHING RETURNING {}"
).format(_COLUMNS)
_BY_ID = SQL("SELECT {} FROM users WHERE id = %s").format(_COLUMNS)
_BY_EMAIL = SQL("SELECT {} FROM users WHERE email = lower(%s)").format(_COLUMNS)
_UPDATE = SQL(
    "UPDATE users SET role = %s, is_active = %s, updated_at = now() WHERE id = %s RETURNING {}"
).format(_COLUMNS)
_LIST = SQL(
    "SELECT {} FROM users WHERE %(after)s::uuid IS NULL OR id > %(after)s "
    "ORDER BY id LIMIT %(limit)s"
).format(_COLUMNS)
_CREDENTIALS = SQL("SELECT {}, password_hash FROM users WHERE email = lower(%s)").format(_COLUMNS)
_LOCK = "SELECT password_hash FROM users WHERE id = %s AND is_active FOR SHARE"
# Who has no password because a provider vouches for them does not get one.
_FEDERATED = SQL(
    "(password_hash IS NULL AND EXISTS (SELECT FROM identities i WHERE i.user_id = users.id))"
)
_SET_PASSWORD = SQL(
    "UPDATE users SET password_hash = %s, updated_at = now() WHERE id = %s AND is_active AND NOT {}"
).format(_FEDERATED)
_IS_FEDERATED = SQL("SELECT {} FROM users WHERE id = %s").format(_FEDERATED)
_TELL = "SELECT pg_notify(%s, public_id) FROM api_keys WHERE user_id = %s"


@dataclass(frozen=True, kw_only=True)
class User:
    """One person or program that has keys."""

    id: UUID
    email: str
    role: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Credentials(User):
    """A user with what a password is held against."""

    password_hash: str | None = field(repr=False)


class UserRepository:
    """The table `users`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, email: str, role: str = "user") -> User | None:
        """Add a user; None when the email is taken."""
        return await self._one(_CREATE, (email, role))

    async def find_by_id(self, user_id: UUID) -> User | None:
        """Return the user with an id."""
        return await self._one(_BY_ID, (user_id,))

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with an email; case does not matter."""
        return await self._one(_BY_EMAIL, (email,))

    async def credentials(self, email: str) -> Credentials | None:
        """Return the user with an email, and the hash of the password."""
        cursor = self._connection.cursor(row_factory=class_row(Credentials))
        await cursor.execute(_CREDENTIALS, (email,))
        return await cursor.fetchone()

    async def still(self, user_id: UUID, password_hash: str | None) -> bool:
        """Tell whether a password is still the one; it stays so until the transaction ends."""
        row = await (await self._connection.execute(_LOCK, (user_id,))).fetchone()
        return row is not None and row[0] == password_hash

    async def federated(self, user_id: UUID) -> bool:
        """Tell whether a user signs in by an identity provider alone."""
        row = await (await self._connection.execute(_IS_FEDERATED, (user_id,))).fetchone()
        return row is not None and bool(row[0])

    async def set_password(self, user_id: UUID, password_hash: str) -> bool:
        """Keep the hash of a new password; False when there is no such user who may come in."""
        cursor = await self._connection.execute(_SET_PASSWORD, (password_hash, user_id))
        return cursor.rowcount == 1

    async def update(self, user_id: UUID, *, role: str, is_active: bool) -> User | None:
        """Change role and whether the user may do anything; all processes hear of it."""
        await self._connection.execute(_TELL, (CHANNEL, user_id))
        return await self._one(_UPDATE, (role, is_active, user_id))

    async def delete(self, user_id: UUID) -> bool:
        """Remove a user with all keys; all processes hear of it. False when there was none."""
        await self._connection.execute(_TELL, (CHANNEL, user_id))
        cursor = await self._connection.execute("DELETE FROM users WHERE id = %s", (user_id,))
        return cursor.rowcount == 1

    async def list(self, after: UUID | None = None, limit: int = 100) -> list[User]:
        """Return users in the order of their ids, beginning after `after`."""
        cursor = self._connection.cursor(row_factory=class_row(User))
        await cursor.execute(_LIST, {"after": after, "limit": limit})
        return await cursor.fetchall()

    async def _one(self, query: Composed, values: tuple[object, ...]) -> User | None:
        cursor = self._connection.cursor(row_factory=class_row(User))
        await cursor.execute(query, values)
        return await cursor.fetchone()
