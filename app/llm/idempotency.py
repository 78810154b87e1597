"""Answers by Idempotency-Key, so that a client that asks again is not answered twice.

They live in this process alone, for a bounded time and in bounded memory: after a release, or at
another process, the same key is a new request. See docs/decisions/0015.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, NamedTuple

from app.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

KEEP_SECONDS = 600.0
MOST = 1000  # answers
MOST_BYTES = 33_554_432  # of all together
LARGEST = 1_048_576  # bytes of one that is kept
LONGEST_NAME = 255
Name = tuple["UUID", str]


class Kept(NamedTuple):
    """An answer as it was sent."""

    body: bytes
    headers: dict[str, str]


class _Entry:
    __slots__ = ("at", "digest", "kept")

    def __init__(self, digest: bytes, at: float) -> None:
        self.digest, self.at = digest, at
        self.kept: Kept | None = None


class Replays:
    """Answers that were given, and names of requests under way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[Name, _Entry] = {}
        self._bytes = 0

    def begin(self, name: Name, body: bytes) -> Kept | None:
        """Return the answer that was given, or None when this request is to be done now.

        Raises:
            ApiError: the same is under way (409), or it was another request (422).
        """
        if not 0 < len(name[1]) <= LONGEST_NAME:
            raise ApiError(400, "invalid", "Idempotency-Key has up to 255 characters")
        self._forget_old()
        digest = hashlib.sha256(body).digest()
        entry = self._entries.get(name)
        if entry is None:
            self._entries[name] = _Entry(digest, self._clock())
            return None
        if entry.digest != digest:
            raise ApiError(422, "idempotency_key_reused", "this key was for another request")
        if entry.kept is None:
            raise ApiError(409, "in_progress", "the same request is under way", retry_after=1)
        return entry.kept

    def end(self, name: Name, kept: Kept | None) -> None:
        """Keep an answer; without one the request may be made again."""
        entry = self._entries.pop(name)
        if kept is None or len(kept.body) > LARGEST:
            return
        entry.kept, entry.at = kept, self._clock()
        self._entries[name] = entry
        self._bytes += len(kept.body)

    def _forget_old(self) -> None:
        before = self._clock() - KEEP_SECONDS
        for name, entry in list(self._entries.items()):
            full = len(self._entries) >= MOST or self._bytes > MOST_BYTES
            if entry.kept is None:
                continue
            if entry.at > before and not full:
                return
            del self._entries[name]
            self._bytes -= len(entry.kept.body)
