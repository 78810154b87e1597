"""What is done with API keys, by their owners and by operators. Owns the transactions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.access import audit, hashing, permissions
from app.access.audit import AuditRepository
from app.access.keys import ApiKey, ApiKeyRepository, Limits
from app.errors import ApiError, Conflict, Forbidden, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

    from app.access.principal import Principal
    from app.db import Transactions

MOST_KEYS = 100  # of one user that are not revoked
LIMITING = "limits:write"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A new key. `whole` is shown once and kept nowhere."""

    whole: str = field(repr=False)
    key: ApiKey


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of a key; what is None stays."""

    name: str | None = None
    permissions: Sequence[str] | None = None
    expires_at: datetime | None = None
    never_expires: bool = False
    limits: Limits | None = None


@dataclass(frozen=True, kw_only=True)
class _Secret:
    public_id: str
    whole: str
    key_hash: str
    verifier: bytes


class KeyService:
    """Keys of one user at a time. `by` may never give away more than it has itself."""

    def __init__(
        self, database: Transactions, pepper: str, at_rest: Callable[[str], Awaitable[str]]
    ) -> None:
        self._database, self._pepper, self._at_rest = database, pepper, at_rest

    async def create(
        self,
        by: Principal,
        *,
        name: str,
        permissions: Sequence[str] = (),
        expires_at: datetime | None = None,
        limits: Limits | None = None,
    ) -> Made:
        """Make a key for oneself.

        A key that was made with a key shares its limits, unless its maker may set limits: else
        anybody could have as much as they want by making keys.

        Raises:
            ApiError: it would be allowed more than its maker (403), or there are too many (409).
        """
        _not_more(by, permissions)
        if limits is not None and not by.may(LIMITING):
            raise Forbidden(LIMITING)
        secret = await self._secret()

        async def work(connection: AsyncConnection) -> ApiKey:
            keys = ApiKeyRepository(connection)
            await _room(keys, by.user_id)
            maker = await keys.find_by_id(by.key_id) if by.key_id else None
            group, may = None, limits
            if limits is None and maker is not None:
                group, may = maker.group, maker.limits
            made = await keys.create(
                by.user_id,
                public_id=secret.public_id,
                key_hash=secret.key_hash,
                verifier=secret.verifier,
                name=name,
                expires_at=expires_at,
                permissions=sorted(permissions),
                limits=may,
                group_id=group,
            )
            await _note(connection, by, "key_make", made.public_id)
            return made

        return Made(whole=secret.whole, key=await self._database.run(work))

    async def list(self, by: Principal, after: UUID | None, limit: int) -> list[ApiKey]:
        """Return a page of one's own keys, without those that were revoked."""
        return await self._database.run(
            lambda c: ApiKeyRepository(c).list(by.user_id, after, limit, active=True)
        )

    async def show(self, by: Principal, public_id: str) -> ApiKey:
        """Return one of one's own keys. Raises NotFound."""
        return await self._database.run(lambda c: _own(ApiKeyRepository(c), by, public_id))

    async def change(self, by: Principal, public_id: str, change: Change) -> ApiKey:
        """Change one of one's own keys, at once in every process.

        Raises:
            ApiError: there is none such (404), it was replaced and only ends (409), or it would
                be allowed more than who changes it (403).
        """
        if change.limits is not None and not by.may(LIMITING):
            raise Forbidden(LIMITING)
        _not_more(by, change.permissions or ())

        async def work(connection: AsyncConnection) -> ApiKey:
            keys = ApiKeyRepository(connection)
            key = await _own(keys, by, public_id)
            expires_at = None if change.never_expires else change.expires_at or key.expires_at
            if expires_at != key.expires_at and key.replaced_by:
                raise Conflict(f"the key was replaced by {key.replaced_by} and ends on its own")
            name = key.name if change.name is None else change.name
            may = None if change.permissions is None else sorted(change.permissions)
            await keys.update(
                key.id, name=name, is_active=True, expires_at=expires_at, permissions=may
            )
            if change.limits is not None:
                await keys.limit(key.group, change.limits)
            await _note(connection, by, "key_change", public_id)
            return await _own(keys, by, public_id)

        return await self._database.run(work)

    async def revoke(self, by: Principal, public_id: str) -> None:
        """Make one of one's own keys useless, at once in every process. Raises NotFound."""

        async def work(connection: AsyncConnection) -> None:
            keys = ApiKeyRepository(connection)
            key = await _own(keys, by, public_id)
            await keys.update(key.id, name=key.name, is_active=False, expires_at=key.expires_at)
            await _note(connection, by, "key_revoke", public_id)

        await self._database.run(work)

    async def rotate(self, by: Principal, public_id: str, until: datetime | None) -> Made:
        """Make a key that follows another and has all that it has, its limits shared.

        The old one goes on until a time, at once over without one. A life of its own begins for
        the new one, as long as the old one's was.

        Raises:
            ApiError: there is none such (404), it has a successor already (409), or it is allowed
                more than who rotates it (403).
        """
        secret = await self._secret()

        async def work(connection: AsyncConnection) -> ApiKey:
            keys = ApiKeyRepository(connection)
            old = await _own(keys, by, public_id)
            if old.replaced_by:
                raise Conflict(f"the key was replaced by {old.replaced_by} already")
            _not_more(by, permissions.of_key(old.role, old.permissions))
            await _room(keys, by.user_id)
            new = await keys.create(
                by.user_id,
                public_id=secret.public_id,
                key_hash=secret.key_hash,
                verifier=secret.verifier,
                name=old.name,
                expires_at=_next_end(old),
                permissions=old.permissions,
                limits=old.limits,
                group_id=old.group,
            )
            await keys.replace(old.id, new.public_id, until or datetime.now(UTC))
            await _note(connection, by, "key_rotate", old.public_id, by=new.public_id)
            return new

        return Made(whole=secret.whole, key=await self._database.run(work))

    async def _secret(self) -> _Secret:
        public_id, secret, whole = hashing.new_key()
        return _Secret(
            public_id=public_id,
            whole=whole,
            key_hash=await self._at_rest(secret),
            verifier=hashing.verifier(secret, public_id, self._pepper),
        )


async def _note(
    connection: AsyncConnection, who: Principal, action: str, public_id: str, **detail: object
) -> None:
    event = audit.by(who, action, f"key:{public_id}", **detail)
    await AuditRepository(connection).add(event)


def _next_end(old: ApiKey) -> datetime | None:
    if old.expires_at is None:
        return None
    return datetime.now(UTC) + (old.expires_at - old.created_at)


def _not_more(by: Principal, wanted: Sequence[str] | frozenset[str]) -> None:
    if unknown := permissions.unknown(wanted):
        raise ApiError(422, "invalid", f"permissions: there is none named {unknown[0]}")
    if more := sorted(set(wanted) - by.permissions):
        raise Forbidden(more[0])


async def _room(keys: ApiKeyRepository, user_id: UUID) -> None:
    if await keys.count(user_id) >= MOST_KEYS:
        raise Conflict(f"there are {MOST_KEYS} keys already: revoke those that are not used")


async def _own(keys: ApiKeyRepository, by: Principal, public_id: str) -> ApiKey:
    key = await keys.lock_own(by.user_id, public_id)
    if key is None or not key.is_active:
        raise NotFound("key")
    return key
