"""Links for new passwords in PostgreSQL. One repository per transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import AsyncConnection

_CREATE = (
    "INSERT INTO password_resets (token_hash, user_id, expires_at) "
    "VALUES (%s, %s, now() + make_interval(secs => %s))"
)
_EMAIL = (
    "SELECT u.email FROM password_resets r JOIN users u ON u.id = r.user_id "
    "WHERE r.token_hash = %s AND r.used_at IS NULL AND r.expires_at > now() AND u.is_active"
)
_USE = (
    "UPDATE password_resets SET used_at = now() "
    "WHERE token_hash = %s AND used_at IS NULL AND expires_at > now() RETURNING user_id"
)
_CLOSE = "UPDATE password_resets SET used_at = now() WHERE user_id = %s AND used_at IS NULL"
_PURGE = "DELETE FROM password_resets WHERE expires_at < now() - interval '7 days'"


class ResetRepository:
    """The table `password_resets`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, user_id: UUID, token_hash: bytes, seconds: float) -> None:
        """Keep a link that opens for so many seconds."""
        await self._connection.execute(_CREATE, (token_hash, user_id, seconds))

    async def email(self, token_hash: bytes) -> str | None:
        """Return whose password a link opens, None when it opens nothing."""
        row = await (await self._connection.execute(_EMAIL, (token_hash,))).fetchone()
        return None if row is None else str(row[0])

    async def use(self, token_hash: bytes) -> UUID | None:
        """Use a link up, and all others of its user with it; None when it opens nothing."""
        row = await (await self._connection.execute(_USE, (token_hash,))).fetchone()
        if row is None:
            return None
        user_id: UUID = row[0]
        await self.close(user_id)
        return user_id

    async def close(self, user_id: UUID) -> None:
        """Use up all links of a user."""
        await self._connection.execute(_CLOSE, (user_id,))

    async def purge(self) -> None:
        """Remove what opens nothing any more."""
        await self._connection.execute(_PURGE)
