"""People whom a provider vouches for, in PostgreSQL: who they are here, and what they may."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from app.access.audit import AuditRepository, Event
from app.access.resettokens import ResetRepository
from app.access.users import EMAIL, LONGEST_EMAIL, Credentials, User, UserRepository
from app.errors import ApiError

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import AsyncConnection

_EMAIL = re.compile(EMAIL)
_FIND = (
    "UPDATE identities i SET last_used_at = now() FROM users u "
    "WHERE i.provider = %s AND i.subject = %s AND u.id = i.user_id "
    "RETURNING u.id, u.email, u.role, u.is_active, u.created_at"
)
_ADD = "INSERT INTO identities (provider, subject, user_id) VALUES (%s, %s, %s)"
_OF_USER = "SELECT count(*) FROM identities WHERE user_id = %s"
_USE = (
    "INSERT INTO identity_used (digest, expires_at) "
    "VALUES (%s, now() + make_interval(secs => %s)) ON CONFLICT DO NOTHING"
)
_PURGE = "DELETE FROM identity_used WHERE expires_at < now()"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a provider says of a person, verified.

    `subject` is theirs for ever, unlike the email. `role` is None when no group gives one; `link`
    says whether a local account with the same, verified email may be theirs.
    """

    provider: str
    subject: str
    email: str
    verified: bool
    role: str | None
    link: bool = False


class Refused(ApiError):
    """The provider vouches for them, and they do not come in."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(status, code, message)


class IdentityRepository:
    """The tables `identities` and `identity_used`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, provider: str, subject: str) -> User | None:
        """Return whom a provider's subject is here, and note that they came."""
        cursor = self._connection.cursor(row_factory=class_row(User))
        await cursor.execute(_FIND, (provider, subject))
        return await cursor.fetchone()

    async def add(self, provider: str, subject: str, user_id: UUID) -> None:
        """Keep whom a subject is."""
        await self._connection.execute(_ADD, (provider, subject, user_id))

    async def count(self, user_id: UUID) -> int:
        """Return how many providers vouch for a user."""
        row = await (await self._connection.execute(_OF_USER, (user_id,))).fetchone()
        return int(row[0]) if row else 0

    async def use(self, what: str, seconds: float) -> bool:
        """Use something up that counts once; False when it was used. Kept for so many seconds."""
        digest = hashlib.sha256(what.encode()).digest()
        return (await self._connection.execute(_USE, (digest, seconds))).rowcount == 1

    async def purge(self) -> None:
        """Forget what has expired by itself."""
        await self._connection.execute(_PURGE)


async def admit(connection: AsyncConnection, proof: Proof) -> User:
    """Return the user whom a provider vouches for, with the role of today; make them if new.

    Raises:
        Refused: no role, no usable email, taken by somebody else, or deactivated.
    """
    if proof.role is None:
        raise Refused("no_role", "none of your groups may sign in here: ask an administrator")
    user = await IdentityRepository(connection).find(proof.provider, proof.subject)
    if user is None:
        user = await _first_time(connection, proof, proof.role)
    if not user.is_active:
        raise Refused("deactivated", "this account is deactivated: ask an administrator")
    if user.role != proof.role:
        await _change_role(connection, user, proof, proof.role)
    return user


async def _first_time(connection: AsyncConnection, proof: Proof, role: str) -> User:
    email, users = proof.email.lower(), UserRepository(connection)
    if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
        raise Refused("no_email", "your provider names no email address that can be used here")
    if not proof.verified:
        raise Refused("email_unverified", "your provider has not verified your email address")
    user, action = await users.create(email, role), "user_make"
    identities = IdentityRepository(connection)
    if user is None:
        # Made a moment ago by another sign-in of the same person, or somebody else's.
        if (same := await identities.find(proof.provider, proof.subject)) is not None:
            return same
        user, action = await _theirs(connection, email, proof), "identity_link"
    await identities.add(proof.provider, proof.subject, user.id)
    await ResetRepository(connection).close(user.id)  # a link would make a password
    await _note(connection, action, user, proof, role=user.role)
    return user


async def _theirs(connection: AsyncConnection, email: str, proof: Proof) -> Credentials:
    """Return the account with a verified email, when it may be this person's."""
    known = await UserRepository(connection).credentials(email)
    if known is not None and known.role != "admin":
        bare = not known.password_hash and not await IdentityRepository(connection).count(known.id)
        if bare or proof.link:
            return known
    raise Refused(
        "email_taken",
        "there is another account with your email address: sign in as you did before, "
        "or ask an administrator",
        409,
    )


async def _change_role(connection: AsyncConnection, user: User, proof: Proof, role: str) -> None:
    await UserRepository(connection).update(user.id, role=role, is_active=user.is_active)
    await _note(connection, "role_change", user, proof, **{"from": user.role, "to": role})


async def _note(
    connection: AsyncConnection, action: str, user: User, proof: Proof, **detail: object
) -> None:
    event = Event(
        action=action,
        actor=proof.provider,
        target=f"user:{user.id}",
        detail={"provider": proof.provider, **detail},
    )
    await AuditRepository(connection).add(event)
