"""What connections came in with, and whether it still counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.access import permissions

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from psycopg import AsyncConnection

CHANNEL = "sessions"  # NOTIFY carries a session's id, or the word user and a user's
PERMISSION = "agents:connect"
_KEYS = """
SELECT k.public_id, k.is_active AND u.is_active,
       extract(epoch FROM k.expires_at - now())::float8, u.role, k.permissions
FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.public_id = ANY(%s)
"""
_SESSIONS = """
SELECT s.id::text, u.is_active, extract(epoch FROM
       least(s.expires_at, s.last_seen_at + make_interval(secs => %s)) - now())::float8, u.role
FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ANY(%s::uuid[])
"""


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A key's public id or a session's id, with whose it is."""

    user_id: UUID
    key: str = ""
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Why a credential counts no more, "" while it does, and in how many seconds it ends."""

    word: str = ""
    ends_in: float | None = None


class CredentialRepository:
    """Keys and sessions as those see them who let them in before."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def look(self, wanted: Collection[Credential], idle: float) -> dict[Credential, Standing]:
        """Return how each stands now; `idle` is after how many seconds a session ends unused."""
        found = dict.fromkeys(wanted, Standing(word="revoked"))
        if keys := [each.key for each in wanted if each.key]:
            rows = await (await self._connection.execute(_KEYS, (keys,))).fetchall()
            stands = {
                public_id: _standing(active, ends, permissions.of_key(role, granted))
                for public_id, active, ends, role, granted in rows
            }
            found |= {each: stands[each.key] for each in wanted if each.key in stands}
        if sessions := [each.session for each in wanted if each.session]:
            rows = await (await self._connection.execute(_SESSIONS, (idle, sessions))).fetchall()
            stands = {
                session: _standing(active, ends, permissions.of_role(role))
                for session, active, ends, role in rows
            }
            over = Standing(word="signed_out")
            found |= {each: stands.get(each.session, over) for each in wanted if each.session}
        return found


def _standing(active: bool, ends_in: float | None, may: frozenset[str]) -> Standing:  # noqa: FBT001 -- a column
    if not active:
        return Standing(word="revoked")
    if ends_in is not None and ends_in <= 0:
        return Standing(word="expired")
    return Standing(word="" if PERMISSION in may else "forbidden", ends_in=ends_in)
