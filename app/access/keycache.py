"""API keys in memory: what was read, when, and whether it may still be used."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.access.keys import ApiKey
    from app.settings import Settings

MOST = 10_000  # keys


@dataclass(frozen=True)
class Entry:
    """A key and when it was read (seconds of the cache's clock)."""

    key: ApiKey
    at: float


class KeyCache:
    """Keys by public id. `forget` and `doubt` are what a NOTIFY and a lost listener do to it."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._entries: dict[str, Entry] = {}
        self._doubted_at = float("-inf")
        self.changes = 0  # a row that was read before the last one is not kept
        self.listening = False

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, public_id: str) -> Entry | None:
        """Return what is known of a key, fresh or not."""
        return self._entries.get(public_id)

    def put(self, key: ApiKey, changes: int) -> None:
        """Keep a key, unless something changed since `changes` was read (before its row was)."""
        if changes != self.changes:
            return
        self._entries.pop(key.public_id, None)
        while len(self._entries) >= MOST:
            self._entries.pop(next(iter(self._entries)))
        self._entries[key.public_id] = Entry(key, self._clock())

    def forget(self, public_id: str) -> None:
        """Drop a key that changed."""
        self.changes += 1
        self._entries.pop(public_id, None)

    def doubt(self) -> None:
        """Take nothing for fresh that was read until now: changes may have gone unheard."""
        self.changes += 1
        self._doubted_at = self._clock()

    def fresh(self, entry: Entry) -> bool:
        """Tell whether an entry may be used without asking the database."""
        s = self._settings
        keep = s.key_cache_seconds if self.listening else s.key_cache_alone_seconds
        return entry.at > self._doubted_at and self._clock() - entry.at <= keep

    def bridges(self, entry: Entry | None) -> bool:
        """Tell whether an entry may be used while the database does not answer."""
        outage = self._settings.key_cache_outage_seconds
        return entry is not None and self._clock() - entry.at <= outage
