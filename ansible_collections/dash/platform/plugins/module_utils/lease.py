"""The lease of an edge: one operation at a time, and a dead holder's runs out by itself.

Rules: docs/architecture.md. Times are seconds since the epoch of this edge's own clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import files, paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TTL = 30.0
SPARE = 1.0  # seconds past the TTL that a waiter waits for a sign of life
POLL = 0.5
KEYS = ("id", "holder", "kind", "acquired_at", "renewed_at", "expires_at")

Lease = dict[str, Any]


class Busy(Fault):
    """Somebody else's operation runs; `str()` is one line that says whose and since when."""


class Lost(Fault):
    """The lease is not ours any more; `str()` is one line."""


def _nothing() -> None:
    """Ask for nothing more."""


class LeaseFile:
    """One edge's lease.

    Args:
        directory: where lease.json lies.
        ttl: seconds after which an unrenewed lease is free.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        directory: Path | None = None,
        ttl: float = TTL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        directory = directory or paths.EDGE_STATE
        self._file = directory / "lease.json"
        self._lock = directory / ".lease.lock"
        self._ttl, self._clock = ttl, clock

    def current(self) -> Lease | None:
        """Return the lease, also one that ran out; None when nobody took it. Raises CorruptFile."""
        return files.read_json(self._file, *KEYS)

    def is_free(self, lease: Lease | None) -> bool:
        """Tell whether a lease may be taken."""
        return lease is None or lease["expires_at"] <= self._clock()

    def acquire(self, wanted: Lease, dead: str = "", first: Callable[[], None] = _nothing) -> float:
        """Take the lease; wait for one that runs out, refuse when its holder lives.

        Args:
            wanted: id, holder, kind and fence.
            dead: id of a lease whose holder the caller knows to be gone.
            first: asked when the lease could be taken, before it is; what it raises refuses.

        Returns:
            Seconds waited.

        Raises:
            Busy: it was renewed, or taken by another, while we waited.
            CorruptFile: lease.json is not ours to judge.
        """
        started = time.monotonic()
        watched: Lease | None = None
        while True:
            waited = time.monotonic() - started
            with files.locked(self._lock):
                held = self.current()
                if held is not None and held["id"] == wanted["id"]:
                    self._write(wanted)
                    return waited
                watched = watched or held
                # The wall clock may have been set: who was silent for a TTL is gone all the same.
                silent = waited > self._ttl + SPARE and _sign(held) == _sign(watched)
                if held is None or self.is_free(held) or held["id"] == dead or silent:
                    first()
                    self._write(wanted)
                    return waited
            if _sign(held) != _sign(watched):
                raise Busy(describe(held), holder=held["holder"])
            time.sleep(min(POLL, self._ttl / 4))

    def _write(self, wanted: Lease) -> None:
        now = self._clock()
        times = {"acquired_at": now, "renewed_at": now, "expires_at": now + self._ttl}
        files.write_json(self._file, {**wanted, **times})

    def renew(self, identity: str) -> float:
        """Renew our lease and return when it ends. Raises Lost or CorruptFile."""
        with files.locked(self._lock):
            held = self.current()
            if held is None:
                raise Lost("the lease was given back")
            if held["id"] != identity:
                raise Lost(describe(held), holder=held["holder"])
            now = self._clock()
            ends = now + self._ttl
            files.write_json(self._file, {**held, "renewed_at": now, "expires_at": ends})
            return ends

    def release(self, identity: str) -> bool:
        """Give our lease back; False when it was not ours. Raises CorruptFile."""
        with files.locked(self._lock):
            held = self.current()
            if held is None or held["id"] != identity:
                return False
            self._file.unlink()
            return True


def _sign(lease: Lease | None) -> tuple[Any, Any]:
    """Return what changes in a lease whose holder lives."""
    return (lease["id"], lease["renewed_at"]) if lease else (None, None)


def describe(lease: Lease) -> str:
    """Return one line that says who runs what since when."""
    holder = lease["holder"]
    since = time.strftime("%H:%M:%S", time.gmtime(lease["acquired_at"]))
    who = f"{holder.get('user', 'somebody')} on {holder.get('host', 'an unknown machine')}"
    return (
        f"a {lease['kind']} by {who} (process {holder.get('pid', 'unknown')}) runs since {since} "
        "UTC and holds the lease. Next: wait for it"
    )
