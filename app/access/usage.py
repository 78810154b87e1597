"""What keys have used, in PostgreSQL: chunks are reserved ahead and given back.

One row per group of keys and meter. A reservation is one UPDATE, so that processes which reserve
at the same time wait for each other on the row and together never get more than the limit.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection
    from psycopg.sql import Composed

    from app.access.keys import ApiKey

SHARE = 8  # a chunk is this part of what is left: large at first, single at the end


class Meter(enum.StrEnum):
    """What is counted."""

    MINUTE = "minute"  # requests of a minute
    REQUESTS = "requests"  # of a calendar month (UTC)
    TOKENS = "tokens"  # of a calendar month (UTC)


_COLUMNS = {
    Meter.MINUTE: ("rate_limit", "minute"),
    Meter.REQUESTS: ("request_budget", "month"),
    Meter.TOKENS: ("token_budget", "month"),
}


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a reservation got. `granted` is 0 when not even what was needed is left."""

    granted: int
    period: datetime  # its begin
    ends_in: float  # seconds, by the database's clock
    window: float  # seconds of the whole period
    limit: int
    room: int  # that nobody has reserved yet


@dataclass(frozen=True, kw_only=True)
class Unused:
    """A part of a chunk that is given back."""

    group: UUID
    meter: Meter
    period: datetime
    amount: int


def _reserve(meter: Meter) -> Composed:
    """Return the statement that reserves.

    A period never goes back: a transaction that waited for the row over the end of a minute, or a
    clock that was set back, stays in the later one.
    """
    column, unit = _COLUMNS[meter]
    now = SQL("date_trunc({}, now(), 'UTC')").format(unit)
    limit = SQL("coalesce(k.{}, {})").format(Identifier(column), 2**62)
    base = SQL(
        "(CASE WHEN u.period < {} THEN 0 WHEN u.period = %(back_period)s::timestamptz "
        "THEN greatest(0, u.taken - %(back)s) ELSE u.taken END)"
    ).format(now)
    room = SQL("greatest(0, {} - {})").format(limit, base)
    grant = SQL(
        "(CASE WHEN {room} < %(need)s THEN 0 ELSE greatest(%(need)s, {room} / {share}) END)"
    ).format(room=room, share=SHARE)
    end = SQL("date_add(u.period, {}::interval, 'UTC')").format(f"1 {unit}")
    return SQL(
        "UPDATE key_usage u SET granted = {grant}, taken = {base} + {grant}, "
        "period = greatest(u.period, {now}) FROM api_keys k "
        "WHERE k.id = %(key)s AND u.group_id = %(group)s AND u.meter = %(meter)s "
        "RETURNING u.granted, u.period, extract(epoch FROM {end} - now())::float8 AS ends_in, "
        'extract(epoch FROM {end} - u.period)::float8 AS window, {limit} AS "limit", '
        "greatest(0, {limit} - u.taken) AS room"
    ).format(grant=grant, base=base, now=now, end=end, limit=limit)


_RESERVE = {meter: _reserve(meter) for meter in Meter}
_BEGIN = (
    "INSERT INTO key_usage (group_id, meter, user_id, period, taken, granted) "
    "SELECT %s, %s, user_id, '-infinity', 0, 0 FROM api_keys WHERE id = %s ON CONFLICT DO NOTHING"
)
_GIVE_BACK = (
    "UPDATE key_usage u SET taken = greatest(0, u.taken - b.amount) "
    "FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::bigint[]) "
    "AS b (group_id, meter, period, amount) "
    "WHERE u.group_id = b.group_id AND u.meter = b.meter AND u.period = b.period"
)
_TAKEN = (
    "SELECT meter, taken FROM key_usage u WHERE group_id = %s AND period = "
    "date_trunc(CASE meter WHEN 'minute' THEN 'minute' ELSE 'month' END, now(), 'UTC')"
)


class UsageRepository:
    """The table `key_usage`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def reserve(
        self, key: ApiKey, meter: Meter, need: int, back: Unused | None = None
    ) -> Grant | None:
        """Reserve at least what is needed for a key's group, or nothing.

        Args:
            key: in whose row the limit stands.
            meter: what is counted.
            need: the least that helps.
            back: is given back at the same time.

        Returns:
            None when the key is gone.
        """
        values = {
            "key": key.id,
            "group": key.group,
            "meter": meter.value,
            "need": need,
            "back": back.amount if back else 0,
            "back_period": back.period if back else None,
        }
        cursor = self._connection.cursor(row_factory=class_row(Grant))
        await cursor.execute(_RESERVE[meter], values)
        found = await cursor.fetchone()
        if found is None:
            await self._connection.execute(_BEGIN, (key.group, meter.value, key.id))
            await cursor.execute(_RESERVE[meter], values)
            found = await cursor.fetchone()
        return found

    async def give_back(self, unused: Sequence[Unused]) -> None:
        """Give parts of chunks back; what is of an earlier period is worth nothing."""
        columns = [(u.group, u.meter.value, u.period, u.amount) for u in unused]
        await self._connection.execute(
            _GIVE_BACK, tuple(list(x) for x in zip(*columns, strict=True))
        )

    async def taken(self, group: UUID) -> dict[Meter, int]:
        """Return what was reserved or used in the present periods."""
        cursor = await self._connection.execute(_TAKEN, (group,))
        found = {Meter(meter): int(taken) for meter, taken in await cursor.fetchall()}
        return {meter: found.get(meter, 0) for meter in Meter}
