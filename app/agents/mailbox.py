"""The table `agent_messages`: what waits for agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection

MOST_ROWS, MOST_BYTES = 200, 262_144  # that are read at once
_PUT = """
INSERT INTO agent_messages (agent_id, seq, sender, kind, task_id, ok, body)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::boolean[],
                     %s::text[])
"""
_READ = """
SELECT seq, sender, kind, task_id, ok, body, at,
       extract(epoch FROM clock_timestamp() - at)::float8 AS age
FROM (
  SELECT m.*, sum(octet_length(m.body)) OVER (ORDER BY m.seq) - octet_length(m.body) AS before
  FROM (
    SELECT * FROM agent_messages WHERE agent_id = %s AND seq > %s ORDER BY seq LIMIT %s
  ) m
) n
WHERE before < %s ORDER BY seq
"""
_EXPIRE = """
WITH old AS (
  SELECT agent_id, max(seq) AS upto FROM agent_messages
  WHERE at < now() - make_interval(secs => %s) GROUP BY agent_id LIMIT 1000
), locked AS (
  SELECT a.id, o.upto FROM agents a JOIN old o ON o.agent_id = a.id
  ORDER BY a.id FOR NO KEY UPDATE OF a
), gone AS (
  DELETE FROM agent_messages m USING locked l WHERE m.agent_id = l.id AND m.seq <= l.upto
  RETURNING m.agent_id
), counted AS (
  SELECT agent_id, count(*) AS many FROM gone GROUP BY agent_id
)
UPDATE agents a SET acked = greatest(a.acked, l.upto), expired = a.expired + c.many
FROM locked l JOIN counted c ON c.agent_id = l.id WHERE a.id = l.id RETURNING c.many
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A message that waits. `age` is in seconds."""

    seq: int
    sender: str
    kind: str
    task_id: str
    ok: bool | None
    body: str
    at: datetime
    age: float


class Mailbox:
    """Messages by receiver and number."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, rows: Sequence[tuple[UUID, int, str, str, str, bool | None, str]]) -> None:
        """Keep messages; their receivers are locked."""
        columns: list[list[Any]] = [[row[i] for row in rows] for i in range(7)]
        await self._connection.execute(_PUT, columns)

    async def read(self, agent_id: UUID, after: int) -> list[Kept]:
        """Return what follows a number, as much as is sent at once."""
        cursor = self._connection.cursor(row_factory=class_row(Kept))
        await cursor.execute(_READ, (agent_id, after, MOST_ROWS, MOST_BYTES))
        return await cursor.fetchall()

    async def expire(self, seconds: float) -> int:
        """Remove what is too old, count it for its receivers, and return how much it was."""
        cursor = await self._connection.execute(_EXPIRE, (seconds,))
        return sum(int(many) for (many,) in await cursor.fetchall())
