"""Sessions of browsers in PostgreSQL. One repository per transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row
from psycopg.sql import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection

MOST = 50  # of one user; the oldest go
_ROW = SQL(
    "SELECT s.id, s.user_id, s.created_at, s.last_seen_at, s.expires_at, s.address, s.agent, "
    "u.email, u.role, u.password_hash IS NOT NULL AS has_password "
    "FROM sessions s JOIN users u ON u.id = s.user_id"
)
_LIVE = SQL("s.expires_at > now() AND s.last_seen_at > now() - make_interval(secs => %(idle)s)")
_CREATE = (
    "INSERT INTO sessions (user_id, token_hash, expires_at, address, agent) "
    "VALUES (%s, %s, now() + make_interval(secs => %s), %s, %s) RETURNING id"
)
_BY_ID = SQL("{} WHERE s.id = %s").format(_ROW)
_FIND = SQL("{} WHERE s.token_hash = %(token)s AND u.is_active AND {}").format(_ROW, _LIVE)
_SEEN = (
    "UPDATE sessions SET last_seen_at = now() WHERE id = %s "
    "AND last_seen_at < now() - make_interval(secs => %s)"
)
_LIST = SQL(
    "{} WHERE s.user_id = %(user)s AND {} AND (%(after)s::uuid IS NULL OR s.id > %(after)s) "
    "ORDER BY s.id LIMIT %(limit)s"
).format(_ROW, _LIVE)
_END = "DELETE FROM sessions WHERE user_id = %s AND id = %s"
_END_ALL = "DELETE FROM sessions WHERE user_id = %s AND id IS DISTINCT FROM %s"
_REPLACED = "DELETE FROM sessions WHERE token_hash = ANY(%s)"
_TRIM = (
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = %s "
    "ORDER BY created_at DESC, id OFFSET %s)"
)
_PURGE = (
    "DELETE FROM sessions WHERE expires_at <= now() "
    "OR last_seen_at <= now() - make_interval(secs => %s)"
)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One signed-in browser with its user; the token itself is nowhere."""

    id: UUID
    user_id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
    email: str
    role: str
    has_password: bool = True  # else an identity provider signs them in


class SessionRepository:
    """The table `sessions`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(
        self, user_id: UUID, *, token_hash: bytes, seconds: float, address: str, agent: str
    ) -> Session:
        """Begin a session that ends after so many seconds at the latest."""
        values = (user_id, token_hash, seconds, address, agent)
        made = await (await self._connection.execute(_CREATE, values)).fetchone()
        await self._connection.execute(_TRIM, (user_id, MOST))
        cursor = self._connection.cursor(row_factory=class_row(Session))
        session = await (await cursor.execute(_BY_ID, made)).fetchone()
        if session is None:  # pragma: no cover -- it was written above
            raise LookupError(user_id)
        return session

    async def find(self, token_hash: bytes, idle: float) -> Session | None:
        """Return the session of a token that is alive, and note now and then that it was seen."""
        cursor = self._connection.cursor(row_factory=class_row(Session))
        await cursor.execute(_FIND, {"token": token_hash, "idle": idle})
        session = await cursor.fetchone()
        if session is not None:
            await self._connection.execute(_SEEN, (session.id, min(30.0, idle / 4)))
        return session

    async def list(
        self, user_id: UUID, idle: float, after: UUID | None = None, limit: int = 100
    ) -> list[Session]:
        """Return a user's sessions that are alive in the order of their ids."""
        cursor = self._connection.cursor(row_factory=class_row(Session))
        values = {"user": user_id, "idle": idle, "after": after, "limit": limit}
        await cursor.execute(_LIST, values)
        return await cursor.fetchall()

    async def end(self, user_id: UUID, session_id: UUID) -> bool:
        """End one of a user's sessions; False when there is none such."""
        cursor = await self._connection.execute(_END, (user_id, session_id))
        return cursor.rowcount == 1

    async def replaced(self, token_hashes: Sequence[bytes]) -> int:
        """End the sessions that a browser gives up for a new one, and return how many ended."""
        return (await self._connection.execute(_REPLACED, (list(token_hashes),))).rowcount

    async def end_all(self, user_id: UUID, but: UUID | None = None) -> int:
        """End a user's sessions, but for one when it is named, and return how many ended."""
        cursor = await self._connection.execute(_END_ALL, (user_id, but))
        return cursor.rowcount

    async def purge(self, idle: float) -> int:
        """Remove what is over."""
        return (await self._connection.execute(_PURGE, (idle,))).rowcount
