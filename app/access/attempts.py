"""What was tried in vain, in PostgreSQL: beyond some failures each makes one wait longer.

An attempt is counted before the password is looked at: many at the same time are no way around.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

FIRST_WAIT = 5.0  # seconds; a password that is being checked then has its answer before it ends
FORGET_SECONDS = 86_400  # without a failure; then all begins anew
_LOCK = (
    "INSERT INTO sign_in_failures AS f (kind, subject) VALUES (%s, %s) "
    "ON CONFLICT (kind, subject) DO UPDATE SET kind = excluded.kind RETURNING "
    "CASE WHEN f.last_at < clock_timestamp() - make_interval(secs => %s) THEN 0 "
    "ELSE f.failures END, "
    "coalesce(extract(epoch FROM f.blocked_until - clock_timestamp()), 0)::float8"
)
_COUNT = (
    "UPDATE sign_in_failures SET failures = %(failures)s, last_at = clock_timestamp(), "
    "blocked_until = CASE WHEN %(wait)s::float8 > 0 "
    "THEN clock_timestamp() + make_interval(secs => %(wait)s) END "
    "WHERE kind = %(kind)s AND subject = %(subject)s"
)
_UNDO = (
    "UPDATE sign_in_failures SET failures = greatest(0, failures - 1), blocked_until = NULL "
    "WHERE kind = %s AND subject = %s"
)
_FORGIVE = "DELETE FROM sign_in_failures WHERE kind = %s AND subject = %s"
_PURGE = "DELETE FROM sign_in_failures WHERE last_at < now() - make_interval(secs => %s)"


@dataclass(frozen=True, kw_only=True, order=True)
class Subject:
    """Whose attempts are counted, and how many are free."""

    kind: str
    value: bytes
    free: int


def subject(pepper: str, kind: str, value: str, free: int) -> Subject:
    """Return what stands for an email or an address: the table says nothing to who reads it."""
    digest = hmac.new(pepper.encode(), f"{kind}:{value}".encode(), hashlib.sha256).digest()
    return Subject(kind=kind, value=digest, free=free)


def network(address: str) -> str:
    """Return what one client cannot leave at will: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def wait(failures: int, free: int, most: float) -> float:
    """Return seconds to wait after so many failures: beyond the free ones 5, 10, 20, ..."""
    return 0.0 if failures < free else min(most, FIRST_WAIT * 2.0 ** min(failures - free, 60))


class AttemptRepository:
    """The table `sign_in_failures`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count(self, subjects: Sequence[Subject], most: float) -> float:
        """Count an attempt for each, or for none of them when one has to wait.

        Returns:
            Seconds to wait; 0 when the attempt may be made.
        """
        found: list[tuple[Subject, int]] = []
        longest = 0.0
        for each in sorted(subjects):  # all take the rows in one order: no deadlock
            cursor = await self._connection.execute(_LOCK, (each.kind, each.value, FORGET_SECONDS))
            row = await cursor.fetchone()
            failures, left = row or (0, 0.0)
            longest = max(longest, left)
            found.append((each, failures + 1))
        if longest > 0:
            return longest
        for each, failures in found:
            values = {"kind": each.kind, "subject": each.value, "failures": failures}
            await self._connection.execute(
                _COUNT, {**values, "wait": wait(failures, each.free, most)}
            )
        return 0.0

    async def undo(self, subjects: Sequence[Subject]) -> None:
        """Take an attempt back that was none."""
        for each in sorted(subjects):
            await self._connection.execute(_UNDO, (each.kind, each.value))

    async def forgive(self, each: Subject) -> None:
        """Forget what was tried in vain."""
        await self._connection.execute(_FORGIVE, (each.kind, each.value))

    async def purge(self) -> None:
        """Remove what counts no more."""
        await self._connection.execute(_PURGE, (FORGET_SECONDS,))
