"""Making and ending accounts and keys. Owns the transactions."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.access import hashing
from app.access.audit import AuditRepository, Event
from app.access.keys import ApiKey, ApiKeyRepository, Limits
from app.access.resettokens import ResetRepository
from app.access.sessions import Session, SessionRepository
from app.access.usage import Meter, UsageRepository
from app.access.users import EMAIL, LONGEST_EMAIL, User, UserRepository

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

    from app.db import Transactions

_EMAIL = re.compile(EMAIL)


class AccountError(Exception):
    """It cannot be done as asked; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key as its owner sees it, once."""

    key: str = field(repr=False)
    public_id: str
    email: str
    expires_at: datetime | None


def check_email(email: str) -> str:
    """Return an email in the form that is kept. Raises AccountError."""
    if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
        raise AccountError(f"{email!r} is not an email address: write name@example.org")
    return email.lower()


class Accounts:
    """Users and their keys."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    async def create_user(self, email: str, role: str = "user") -> User:
        """Add a user. Raises AccountError when the email is no email or taken."""
        email = check_email(email)

        async def work(connection: AsyncConnection) -> User | None:
            user = await UserRepository(connection).create(email, role)
            if user is not None:
                await _note(connection, "user_make", user, role=role)
            return user

        user = await self._database.run(work)
        if user is None:
            raise AccountError(f"there is a user {email} already")
        return user

    async def change_role(self, email: str, role: str) -> User:
        """Change what a user may, at once in every process. Raises AccountError: there is none."""
        email = check_email(email)

        async def work(connection: AsyncConnection) -> User:
            old = await _user(connection, email)
            user = await _changed(connection, old, role=role, is_active=old.is_active)
            await _note(connection, "role_change", user, **{"from": old.role, "to": user.role})
            return user

        return await self._database.run(work)

    async def set_active(self, email: str, *, active: bool) -> User:
        """Let a user come in or not, at once in every process; not ends sessions and links too.

        Raises:
            AccountError: there is none.
        """
        email = check_email(email)

        async def work(connection: AsyncConnection) -> User:
            old = await _user(connection, email)
            user = await _changed(connection, old, role=old.role, is_active=active)
            if active:
                await _note(connection, "user_activate", user)
                return user
            ended = await SessionRepository(connection).end_all(user.id)
            await ResetRepository(connection).close(user.id)
            await _note(connection, "user_deactivate", user, sessions_ended=ended)
            return user

        return await self._database.run(work)

    async def delete_user(self, email: str) -> User:
        """Remove a user with all keys, sessions and links. Raises AccountError: there is none."""
        email = check_email(email)

        async def work(connection: AsyncConnection) -> User:
            user = await _user(connection, email)
            await UserRepository(connection).delete(user.id)
            await _note(connection, "user_delete", user)
            return user

        return await self._database.run(work)

    async def list_sessions(self, email: str, idle: float) -> list[Session]:
        """Return where a user is signed in. Raises AccountError when there is no such user."""
        email = check_email(email)

        async def work(connection: AsyncConnection) -> list[Session]:
            user, sessions = await _user(connection, email), SessionRepository(connection)
            found = page = await sessions.list(user.id, idle)
            while page:
                page = await sessions.list(user.id, idle, after=page[-1].id)
                found = [*found, *page]
            return sorted(found, key=lambda session: session.created_at)

        return await self._database.run(work)

    async def end_sessions(self, email: str, session_id: UUID | None = None) -> int:
        """End a user's sessions, or one of them, and return how many ended.

        Raises:
            AccountError: there is no such user or session.
        """
        email = check_email(email)

        async def work(connection: AsyncConnection) -> int:
            user, sessions = await _user(connection, email), SessionRepository(connection)
            if session_id is None:
                ended = await sessions.end_all(user.id)
            elif not (ended := int(await sessions.end(user.id, session_id))):
                raise AccountError(f"{email} has no session {session_id}")
            await _note(connection, "sign_out", user, sessions=ended)
            return ended

        return await self._database.run(work)

    async def create_key(
        self,
        email: str,
        *,
        pepper: str,
        name: str,
        days: int | None,
        create_user: bool,
        permissions: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> NewKey:
        """Make a key.

        Args:
            email: of its owner.
            pepper: of the verifiers; the same as the service's.
            name: for people.
            days: until it expires; None is never.
            create_user: make the owner when there is none.
            permissions: what it may, as far as its owner's role may.
            limits: what it may use; the common ones when None.

        Raises:
            AccountError: there is no such user, or the email is no email.
        """
        email = check_email(email)
        public_id, secret, whole = hashing.new_key()
        key_hash = hashing.at_rest(secret)
        expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)

        async def work(connection: AsyncConnection) -> None:
            users = UserRepository(connection)
            user = await users.create(email) if create_user else None
            if user is not None:
                await _note(connection, "user_make", user, role=user.role)
            user = user or await users.find_by_email(email)
            if user is None:
                raise AccountError(f"there is no user {email}: add --create-user to make one")
            event = Event(action="key_make", target=f"key:{public_id}")
            await AuditRepository(connection).add(event)
            await ApiKeyRepository(connection).create(
                user.id,
                public_id=public_id,
                key_hash=key_hash,
                verifier=hashing.verifier(secret, public_id, pepper),
                name=name,
                expires_at=expires_at,
                permissions=sorted(permissions),
                limits=limits,
            )

        await self._database.run(work)
        return NewKey(key=whole, public_id=public_id, email=email, expires_at=expires_at)

    async def list_users(self) -> list[User]:
        """Return every user."""

        async def work(connection: AsyncConnection) -> list[User]:
            found = page = await UserRepository(connection).list()
            while page:
                page = await UserRepository(connection).list(after=page[-1].id)
                found = [*found, *page]
            return sorted(found, key=lambda user: user.email)

        return await self._database.run(work)

    async def list_keys(self, email: str) -> list[ApiKey]:
        """Return a user's keys, oldest first. Raises AccountError when there is no such user."""
        email = check_email(email)

        async def work(connection: AsyncConnection) -> list[ApiKey]:
            user, keys = await _user(connection, email), ApiKeyRepository(connection)
            found = page = await keys.list(user.id)
            while page:
                page = await keys.list(user.id, after=page[-1].id)
                found = [*found, *page]
            return sorted(found, key=lambda key: key.created_at)

        return await self._database.run(work)

    async def find_key(self, public_id: str) -> ApiKey:
        """Return a key, whoever's it is. Raises AccountError: there is none."""

        async def work(connection: AsyncConnection) -> ApiKey:
            key = await ApiKeyRepository(connection).find_by_public_id(public_id)
            if key is None:
                raise AccountError(
                    f"there is no key {public_id!r}: python -m app key list --user EMAIL shows ids"
                )
            return key

        return await self._database.run(work)

    async def revoke_key(self, public_id: str) -> ApiKey:
        """Make a key useless, at once in every process. Raises AccountError: there is none."""
        key = await self.find_key(public_id)

        async def work(connection: AsyncConnection) -> None:
            await ApiKeyRepository(connection).update(
                key.id, name=key.name, is_active=False, expires_at=key.expires_at
            )
            event = Event(action="key_revoke", target=f"key:{public_id}")
            await AuditRepository(connection).add(event)

        await self._database.run(work)
        return key

    async def limit_key(self, public_id: str, limits: Limits) -> int:
        """Change what a key and those in its group may use, and return how many they are."""
        key = await self.find_key(public_id)

        async def work(connection: AsyncConnection) -> int:
            many = await ApiKeyRepository(connection).limit(key.group, limits)
            event = Event(action="key_limit", target=f"key:{public_id}", detail=asdict(limits))
            await AuditRepository(connection).add(event)
            return many

        return await self._database.run(work)

    async def used(self, key: ApiKey) -> dict[Meter, int]:
        """Return what a key's group has used or reserved in the present minute and month."""
        return await self._database.run(lambda c: UsageRepository(c).taken(key.group))


async def _user(connection: AsyncConnection, email: str) -> User:
    user = await UserRepository(connection).find_by_email(email)
    if user is None:
        raise AccountError(f"there is no user {email}")
    return user


async def _changed(connection: AsyncConnection, old: User, *, role: str, is_active: bool) -> User:
    user = await UserRepository(connection).update(old.id, role=role, is_active=is_active)
    if user is None:  # removed at the same time
        raise AccountError(f"there is no user {old.email}")
    return user


async def _note(connection: AsyncConnection, action: str, user: User, **detail: object) -> None:
    event = Event(action=action, target=f"user:{user.id}", detail=detail)
    await AuditRepository(connection).add(event)
