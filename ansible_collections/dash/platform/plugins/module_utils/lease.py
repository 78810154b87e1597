"""The lease of an edge: one operation at a time, and a dead holder's runs out by itself.

Rules: docs/architecture.md. Times are seconds since the epoch of this edge's own clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils import files

STATE_DIR = Path("/var/lib/dash/edge")
TTL = 30.0
RENEW_EVERY = 5.0
POLL = 0.5

Lease = dict[str, Any]


class Busy(Exception):
    """Somebody else's operation runs; `str()` is one line that says whose and since when."""


class Lost(Exception):
    """The lease is not ours any more; `str()` is one line."""


class LeaseFile:
    """One edge's lease.

    Args:
        directory: where lease.json lies.
        ttl: seconds after which an unrenewed lease is free.
        clock: seconds since the epoch.
    """

    def __init__(self, directory: Path = STATE_DIR, ttl: float = TTL,
                 clock: Callable[[], float] = time.time) -> None:
        self._file = directory / "lease.json"
        self._lock = directory / ".lease.lock"
        self._ttl, self._clock = ttl, clock

    def current(self) -> Lease | None:
        """Return the lease, also one that ran out; None when nobody took it."""
        return files.read_json(self._file)

    def is_free(self, lease: Lease | None) -> bool:
        """Tell whether a lease may be taken."""
        return lease is None or lease["expires_at"] <= self._clock()

    def acquire(self, wanted: Lease, dead: str = "") -> float:
        """Take the lease; wait for one that runs out, refuse when its holder lives.

        Args:
            wanted: id, holder, kind and fence.
            dead: id of a lease whose holder the caller knows to be gone.

        Returns:
            Seconds waited.

        Raises:
            Busy: it was renewed while we waited.
        """
        started = self._clock()
        first: Lease | None = None
        while True:
            with files.locked(self._lock):
                held = self.current()
                if (self.is_free(held) or held is None or held["id"] in (dead, wanted["id"])):
                    self._write(wanted)
                    return self._clock() - started
            first = first or held
            if (held["id"], held["renewed_at"]) != (first["id"], first["renewed_at"]):
                raise Busy(describe(held))
            time.sleep(POLL)

    def _write(self, wanted: Lease) -> None:
        now = self._clock()
        files.write_json(self._file, {**wanted, "acquired_at": now, "renewed_at": now,
                                      "expires_at": now + self._ttl})

    def renew(self, identity: str) -> float:
        """Renew our lease and return when it ends. Raises Lost."""
        with files.locked(self._lock):
            held = self.current()
            if held is None or held["id"] != identity:
                msg = "the lease was given back" if held is None else describe(held)
                raise Lost(msg)
            now = self._clock()
            files.write_json(self._file, {**held, "renewed_at": now,
                                          "expires_at": now + self._ttl})
            return float(now + self._ttl)

    def release(self, identity: str) -> bool:
        """Give our lease back; False when it was not ours."""
        with files.locked(self._lock):
            held = self.current()
            if held is None or held["id"] != identity:
                return False
            self._file.unlink()
            return True


def describe(lease: Lease) -> str:
    """Return one line that says who runs what since when."""
    holder = lease["holder"]
    since = time.strftime("%H:%M:%S", time.gmtime(lease["acquired_at"]))
    return (f"a {lease['kind']} by {holder['user']} on {holder['host']} (process "
            f"{holder['pid']}) runs since {since} UTC and holds the lease. Next: wait for it")
