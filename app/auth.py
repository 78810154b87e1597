"""Who calls: API keys checked from memory, kept true by LISTEN/NOTIFY."""

from __future__ import annotations

import asyncio
import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from app import hashing, log
from app.db import Pool, transaction
from app.errors import ApiError, Unauthorized, Unavailable
from app.keys import CHANNEL, ApiKey, ApiKeyRepository
from app.settings import Settings

MOST_CACHED = 10_000  # keys
MOST_WAITING = 32  # bcrypt checks; beyond them a caller is told to come back
RECONNECT = 1.0  # seconds between tries of the listener
_log = log.get(__name__)


@dataclass(frozen=True)
class _Cached:
    key: ApiKey
    verifier: bytes
    at: float


class Authenticator:
    """Checks keys. One per process; `run` listens for changes until it is cancelled."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool, self._settings = pool, settings
        self._cache: dict[str, _Cached] = {}
        self._pepper = settings.key_pepper.get_secret_value()
        self._threads = ThreadPoolExecutor(settings.hash_threads, thread_name_prefix="bcrypt")
        self._waiting = 0
        self.listening = False

    async def authenticate(self, header: str | None) -> ApiKey:
        """Return the key of an Authorization header.

        Raises:
            Unauthorized: there is none, or it may not.
            Unavailable: the database is gone and the key was not seen lately.
        """
        scheme, _, value = (header or "").partition(" ")
        parsed = hashing.parse(value.strip()) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise Unauthorized
        public_id, secret = parsed
        cached = self._cache.get(public_id)
        if cached is None or self._age(cached) > self._keep():
            cached = await self._fetch(public_id, secret, cached)
        self._check(cached, public_id, secret)
        return cached.key

    def _age(self, cached: _Cached) -> float:
        return time.monotonic() - cached.at

    def _keep(self) -> float:
        settings = self._settings
        return settings.key_cache_seconds if self.listening else settings.key_cache_alone_seconds

    def _check(self, cached: _Cached, public_id: str, secret: str) -> None:
        made = hashing.verifier(secret, public_id, self._pepper)
        key = cached.key
        expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
        if (not hmac.compare_digest(made, cached.verifier) or expired or not key.is_active
                or not key.user_is_active):
            raise Unauthorized

    async def _fetch(self, public_id: str, secret: str, stale: _Cached | None) -> _Cached:
        """Read a key; while the database is gone a key seen lately goes on for a bounded time."""
        try:
            async with transaction(self._pool) as connection:
                key = await ApiKeyRepository(connection).find_by_public_id(public_id)
        except Unavailable:
            if stale is not None and self._age(stale) <= self._settings.key_cache_outage_seconds:
                return stale
            raise
        if key is None:
            self._cache.pop(public_id, None)
            raise Unauthorized
        verifier = hashing.verifier(secret, public_id, self._pepper)
        if key.verifier is None or not hmac.compare_digest(verifier, key.verifier):
            await self._check_at_rest(key, secret, verifier)
        cached = _Cached(key, verifier, time.monotonic())
        while len(self._cache) >= MOST_CACHED:
            self._cache.pop(next(iter(self._cache)))
        self._cache[public_id] = cached
        return cached

    async def _check_at_rest(self, key: ApiKey, secret: str, verifier: bytes) -> None:
        """Check against bcrypt: imported keys, or a pepper that changed. Renews the verifier."""
        if self._waiting >= MOST_WAITING:
            raise ApiError(429, "busy", "too many keys are being checked", retry_after=1)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            good = await loop.run_in_executor(self._threads, hashing.matches, secret, key.key_hash)
        finally:
            self._waiting -= 1
        if not good:
            raise Unauthorized
        async with transaction(self._pool) as connection:
            await ApiKeyRepository(connection).set_verifier(key.id, verifier)

    async def run(self) -> None:
        """Listen for changed keys on a connection of our own, and forget them."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                _log.warning("auth.listener_lost", error=str(error))
            finally:
                self.listening = False
            await asyncio.sleep(RECONNECT)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._settings.conninfo(), autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._cache.clear()  # what changed while nobody listened is unknown
            self.listening = True
            _log.info("auth.listening")
            async for note in connection.notifies():
                self._cache.pop(note.payload, None)

    async def close(self) -> None:
        """End the hashing threads."""
        with suppress(RuntimeError):
            self._threads.shutdown(wait=False, cancel_futures=True)
