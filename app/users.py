"""Users in PostgreSQL. One repository per transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

ROLES = ("admin", "operator", "user", "viewer")
_COLUMNS = "id, email, role, is_active, created_at"


@dataclass(frozen=True, kw_only=True)
class User:
    """One person or program that has keys."""

    id: UUID
    email: str
    role: str
    is_active: bool
    created_at: datetime


class UserRepository:
    """The table `users`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, email: str, role: str = "user") -> User | None:
        """Add a user; None when the email is taken."""
        return await self._one(
            f"INSERT INTO users (email, role) VALUES (lower(%s), %s) "  # noqa: S608 -- constants
            f"ON CONFLICT (email) DO NOTHING RETURNING {_COLUMNS}", (email, role))

    async def find_by_id(self, user_id: UUID) -> User | None:
        """Return the user with an id."""
        return await self._one(f"SELECT {_COLUMNS} FROM users WHERE id = %s", (user_id,))  # noqa: S608 -- constants

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with an email; case does not matter."""
        return await self._one(
            f"SELECT {_COLUMNS} FROM users WHERE email = lower(%s)", (email,))  # noqa: S608 -- constants

    async def update(self, user_id: UUID, *, role: str, is_active: bool) -> User | None:
        """Change role and whether the user may do anything."""
        return await self._one(
            f"UPDATE users SET role = %s, is_active = %s, updated_at = now() "  # noqa: S608 -- constants
            f"WHERE id = %s RETURNING {_COLUMNS}", (role, is_active, user_id))

    async def delete(self, user_id: UUID) -> bool:
        """Remove a user with all keys; False when there was none."""
        cursor = await self._connection.execute("DELETE FROM users WHERE id = %s", (user_id,))
        return cursor.rowcount == 1

    async def list(self, after: UUID | None = None, limit: int = 100) -> list[User]:
        """Return users in the order of their ids, beginning after `after`."""
        cursor = self._connection.cursor(row_factory=class_row(User))
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM users WHERE %(after)s::uuid IS NULL OR id > %(after)s "  # noqa: S608 -- constants
            "ORDER BY id LIMIT %(limit)s", {"after": after, "limit": limit})
        return await cursor.fetchall()

    async def _one(self, query: str, values: tuple[object, ...]) -> User | None:
        cursor = self._connection.cursor(row_factory=class_row(User))
        await cursor.execute(query, values)  # type: ignore[arg-type]  # built from constants above
        return await cursor.fetchone()
