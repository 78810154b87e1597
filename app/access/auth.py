"""Who calls: API keys checked from memory, which the listener keeps true."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from app import log
from app.access import hashing
from app.access.hashing import Verdict
from app.access.keycache import KeyCache
from app.access.keys import ApiKey, ApiKeyRepository
from app.errors import ApiError, Unauthorized, Unavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from app.db import Transactions
    from app.metrics import Metrics
    from app.settings import Settings

MOST_WAITING = 32  # bcrypt checks; beyond them a caller is told to come back
QUICK_SECONDS = 0.5  # for asking about a key that could be served from memory
GONE_SECONDS = 1.0  # that the database is left alone after it did not answer
_log = log.get(__name__)


class Authenticator:
    """Checks keys. One per process."""

    def __init__(self, database: Transactions, settings: Settings, metrics: Metrics) -> None:
        self._database, self._settings, self._metrics = database, settings, metrics
        self._pepper = settings.pepper()
        self._threads = hashing.threads(settings.hash_threads, settings.hash_nice, "bcrypt")
        self._reads: dict[str, asyncio.Task[ApiKey]] = {}  # by public id
        self._proofs: dict[bytes, asyncio.Task[ApiKey]] = {}  # by verifier
        self._used: dict[UUID, datetime] = {}
        self._gone_until = float("-inf")
        self._hashing = 0  # new secrets
        self.cache = KeyCache(settings)

    async def authenticate(self, header: str | None) -> ApiKey:
        """Return the key of an Authorization header.

        Raises:
            Unauthorized: there is none, or it may not.
            Unavailable: the database is gone and the key was not seen lately.
            ApiError: too many keys wait for bcrypt (429).
        """
        scheme, _, value = (header or "").partition(" ")
        parsed = hashing.parse(value.strip()) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise Unauthorized
        public_id, secret = parsed
        key = await self._read(public_id)
        made = hashing.verifier(secret, public_id, self._pepper)
        verdict = hashing.verify(made, key.verifier)
        if verdict is Verdict.UNKNOWN:
            key = await self._prove(key, secret, made)
        now = datetime.now(UTC)
        expired = key.expires_at is not None and key.expires_at <= now
        if verdict is Verdict.WRONG or expired or not key.is_active or not key.user_is_active:
            raise Unauthorized
        self._used[key.id] = now
        structlog.contextvars.bind_contextvars(key=public_id)
        return key

    def forget(self, public_id: str) -> None:
        """Drop a key that changed, and a look at it that may have come too early."""
        self.cache.forget(public_id)
        self._reads.pop(public_id, None)

    async def _read(self, public_id: str) -> ApiKey:
        """Return a key from memory or the database.

        While the database is gone, a key that was read lately goes on for a bounded time.
        """
        entry = self.cache.get(public_id)
        if entry is not None and self.cache.fresh(entry):
            return entry.key
        spare = entry.key if entry is not None and self.cache.bridges(entry) else None
        if time.monotonic() < self._gone_until:
            if spare is None:
                raise Unavailable
            return spare
        try:
            return await _shared(self._reads, public_id, self._fetch(public_id, spare is not None))
        except Unavailable:
            self._gone_until = time.monotonic() + GONE_SECONDS
            if spare is None:
                raise
            return spare

    async def _fetch(self, public_id: str, quick: bool) -> ApiKey:  # noqa: FBT001 -- private
        changes = self.cache.changes
        key = await self._database.run(
            lambda connection: ApiKeyRepository(connection).find_by_public_id(public_id),
            QUICK_SECONDS if quick else None,
        )
        if key is None:
            self.cache.forget(public_id)
            raise Unauthorized
        self.cache.put(key, changes)
        return key

    async def _prove(self, key: ApiKey, secret: str, made: bytes) -> ApiKey:
        """Check against bcrypt: imported keys, or a pepper that changed. Renews the verifier."""
        if len(self._proofs) >= MOST_WAITING and made not in self._proofs:
            raise ApiError(429, "busy", "too many keys are being checked", retry_after=1)
        return await _shared(self._proofs, made, self._check_at_rest(key, secret, made))

    async def _check_at_rest(self, key: ApiKey, secret: str, made: bytes) -> ApiKey:
        changes = self.cache.changes
        self._metrics.hash_checks.inc()
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._threads, hashing.matches, secret, key.key_hash):
            raise Unauthorized
        proven = replace(key, verifier=made)
        self.cache.put(proven, changes)
        try:
            await self._database.run(
                lambda connection: ApiKeyRepository(connection).set_verifier(key.id, made)
            )
        except Unavailable:
            _log.warning("auth.verifier_not_kept", key=key.public_id)
        return proven

    async def at_rest(self, secret: str) -> str:
        """Return the bcrypt hash of a new secret. Raises ApiError: too many wait (429)."""
        if self._hashing + len(self._proofs) >= MOST_WAITING:
            raise ApiError(429, "busy", "too many keys are being made", retry_after=1)
        self._hashing += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, hashing.at_rest, secret)
        finally:
            self._hashing -= 1

    async def run(self) -> None:
        """Note now and then when keys were used, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.key_used_seconds)
            await self.note_used()

    async def note_used(self) -> None:
        """Write when keys were used since the last note; keep it when the database is gone."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._database.run(lambda c: ApiKeyRepository(c).set_used(used))
        except Unavailable:
            self._used = used | self._used

    async def close(self) -> None:
        """Write what is left to write, and end the hashing threads."""
        await self.note_used()
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _shared[K](
    running: dict[K, asyncio.Task[ApiKey]], name: K, work: Coroutine[None, None, ApiKey]
) -> ApiKey:
    """Do work once for all who ask for it at the same time."""
    task = running.get(name)
    if task is None:
        task = running[name] = asyncio.create_task(work)

        def done(ended: asyncio.Task[ApiKey]) -> None:
            if running.get(name) is ended:
                del running[name]
            if not ended.cancelled():
                ended.exception()

        task.add_done_callback(done)
    else:
        work.close()
    return await asyncio.shield(task)
