"""The table `agents`: who there is, where each is connected, and how far its numbers went."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection
    from psycopg.sql import Composed

CHANNEL = "agents"
STALE_SECONDS = 20.0  # after which a process that says nothing counts as gone
_ROW = SQL(
    "SELECT a.id, a.user_id, a.name, a.capabilities, a.generation, a.token_from, a.process_id, "
    "a.connected_at, a.last_seen_at, a.received, a.sent, a.acked, a.expired, a.refused, "
    "p.id IS NOT NULL AS online, coalesce(p.color, '') AS color, u.email AS owner "
    "FROM agents a JOIN users u ON u.id = a.user_id "
    "LEFT JOIN agent_processes p ON p.id = a.process_id "
    "AND p.seen_at > now() - make_interval(secs => {})"
).format(Literal(STALE_SECONDS))
_BY_NAME = SQL("{} WHERE a.user_id = %s AND a.name = %s FOR NO KEY UPDATE OF a").format(_ROW)
# Whoever locks several does so in the order of their ids, so that nobody waits in a circle.
_SEVERAL = SQL(
    "{} WHERE a.user_id = %s AND a.name = ANY(%s) ORDER BY a.id FOR NO KEY UPDATE OF a"
).format(_ROW)
_LIST = SQL(
    "{} WHERE (%(user)s::uuid IS NULL OR a.user_id = %(user)s) "
    "AND (%(after)s::uuid IS NULL OR a.id > %(after)s) ORDER BY a.id LIMIT %(limit)s"
).format(_ROW)
_ONLINE = SQL("SELECT x.name FROM ({} WHERE a.user_id = %s) x WHERE x.online ORDER BY 1").format(
    _ROW
)
_CREATE = (
    "INSERT INTO agents (user_id, name) VALUES (%s, %s) ON CONFLICT (user_id, name) DO NOTHING"
)
_CONNECT = (
    "UPDATE agents SET generation = generation + 1, process_id = %s, capabilities = %s, "
    "token_from = greatest(token_from, 1), connected_at = now(), last_seen_at = now() "
    "WHERE id = %s RETURNING generation"
)
_CONFIRM = (
    "UPDATE agents SET token_from = generation, last_seen_at = now() "
    "WHERE id = %s AND generation = %s"
)
_ADVANCE = (
    "UPDATE agents a SET sent = n.sent FROM unnest(%s::uuid[], %s::bigint[]) AS n (id, sent) "
    "WHERE a.id = n.id"
)
_RECEIVED = "UPDATE agents SET received = %s, refused = %s, last_seen_at = now() WHERE id = %s"
_NOTE = """
WITH noted AS (
  SELECT * FROM unnest(%(ids)s::uuid[], %(generations)s::bigint[], %(acked)s::bigint[])
    AS n (id, generation, acked)
), locked AS (
  SELECT a.id, least(n.acked, a.sent) AS upto FROM agents a
  JOIN noted n ON n.id = a.id AND n.generation = a.generation
  ORDER BY a.id FOR NO KEY UPDATE OF a
), gone AS (
  DELETE FROM agent_messages m USING locked l WHERE m.agent_id = l.id AND m.seq <= l.upto
)
UPDATE agents a SET acked = greatest(a.acked, l.upto), last_seen_at = now()
FROM locked l WHERE a.id = l.id
"""
_LEAVE = """
WITH locked AS (
  SELECT a.id FROM agents a
  JOIN unnest(%(ids)s::uuid[], %(generations)s::bigint[]) AS n (id, generation)
    ON n.id = a.id AND n.generation = a.generation
  ORDER BY a.id FOR NO KEY UPDATE OF a
)
UPDATE agents a SET process_id = NULL, last_seen_at = now()
FROM locked l WHERE a.id = l.id RETURNING a.user_id, a.name
"""
_CLAIM = """
WITH locked AS (
  SELECT a.id FROM agents a
  JOIN unnest(%(ids)s::uuid[], %(generations)s::bigint[]) AS n (id, generation)
    ON n.id = a.id AND n.generation = a.generation
  WHERE a.process_id IS NULL ORDER BY a.id FOR NO KEY UPDATE OF a
)
UPDATE agents a SET process_id = %(process)s FROM locked l
WHERE a.id = l.id RETURNING a.user_id, a.name
"""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent. Messages with numbers up to `acked` are gone, those up to `sent` were made."""

    id: UUID
    user_id: UUID
    owner: str
    name: str
    capabilities: Sequence[str]
    generation: int
    token_from: int
    process_id: UUID | None
    connected_at: datetime | None
    last_seen_at: datetime | None
    received: int
    sent: int
    acked: int
    expired: int
    refused: Mapping[str, str]
    online: bool
    color: str

    @property
    def waiting(self) -> int:
        """How many messages are kept for it."""
        return self.sent - self.acked


class AgentRepository:
    """Agents, by owner and name. What a connection writes is fenced by its generation."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, user_id: UUID, name: str) -> None:
        """Add an agent, unless there is one of this name."""
        await self._connection.execute(_CREATE, (user_id, name))

    async def count(self, user_id: UUID) -> int:
        """Return how many agents a user has."""
        query = "SELECT count(*) FROM agents WHERE user_id = %s"
        row = await (await self._connection.execute(query, (user_id,))).fetchone()
        return int(row[0]) if row else 0

    async def lock(self, user_id: UUID, name: str) -> Agent | None:
        """Return an agent that nobody else changes until the transaction ends."""
        found = await self._all(_BY_NAME, (user_id, name))
        return found[0] if found else None

    async def lock_several(self, user_id: UUID, names: Iterable[str]) -> dict[str, Agent]:
        """Return a user's agents by name, locked in an order that all keep to."""
        found = await self._all(_SEVERAL, (user_id, sorted(set(names))))
        return {agent.name: agent for agent in found}

    async def connect(self, agent_id: UUID, process: UUID, capabilities: Sequence[str]) -> int:
        """Begin a connection and return its generation."""
        values = (process, list(capabilities), agent_id)
        row = await (await self._connection.execute(_CONNECT, values)).fetchone()
        return int(row[0]) if row else 0

    async def confirm(self, agent_id: UUID, generation: int) -> bool:
        """Make older tokens useless; False when the connection is not the newest."""
        return bool((await self._connection.execute(_CONFIRM, (agent_id, generation))).rowcount)

    async def advance(self, sent: Mapping[UUID, int]) -> None:
        """Write how far receivers' numbers went; the rows are locked."""
        await self._connection.execute(_ADVANCE, (list(sent), list(sent.values())))

    async def received(self, agent_id: UUID, seq: int, refused: Mapping[str, str]) -> None:
        """Write how far a sender's numbers went; the row is locked."""
        await self._connection.execute(_RECEIVED, (seq, Jsonb(dict(refused)), agent_id))

    async def note(self, noted: Sequence[tuple[UUID, int, int]]) -> None:
        """Write what was acknowledged, as (id, generation, seq), and remove that."""
        values = dict(zip(("ids", "generations", "acked"), _columns(noted, 3), strict=True))
        await self._connection.execute(_NOTE, values)

    async def leave(self, left: Sequence[tuple[UUID, int]]) -> list[tuple[UUID, str]]:
        """Note the ends of connections; return (owner, name) of those that were the newest."""
        return await self._names(_LEAVE, left)

    async def claim(self, held: Sequence[tuple[UUID, int]], process: UUID) -> list[Any]:
        """Take back connections that others took for gone; return (owner, name) of them."""
        return await self._names(_CLAIM, held, process=process)

    async def online(self, user_id: UUID) -> list[str]:
        """Return the names of a user's agents that are connected."""
        cursor = await self._connection.execute(_ONLINE, (user_id,))
        return [str(name) for (name,) in await cursor.fetchall()]

    async def page(self, user_id: UUID | None, after: UUID | None, limit: int) -> list[Agent]:
        """Return agents in the order of their ids: a user's, or everybody's."""
        values = {"user": user_id, "after": after, "limit": limit}
        return await self._all(_LIST, values)

    async def delete(self, agent_id: UUID) -> None:
        """Remove an agent and all that waits for it."""
        await self._connection.execute("DELETE FROM agents WHERE id = %s", (agent_id,))

    async def tell(self, *notes: Sequence[object]) -> None:
        """Tell all processes something when the transaction commits."""
        texts = [json.dumps([str(part) for part in note]) for note in notes]
        query = "SELECT pg_notify(%s, n) FROM unnest(%s::text[]) AS n"
        if texts:
            await self._connection.execute(query, (CHANNEL, texts))

    async def _names(
        self, query: str, pairs: Sequence[tuple[UUID, int]], **more: object
    ) -> list[Any]:
        values = dict(zip(("ids", "generations"), _columns(pairs, 2), strict=True))
        return await (await self._connection.execute(query, {**values, **more})).fetchall()

    async def _all(self, query: Composed, values: Any) -> list[Agent]:  # noqa: ANN401 -- psycopg's parameters
        cursor = self._connection.cursor(row_factory=class_row(Agent))
        await cursor.execute(query, values)
        return await cursor.fetchall()


def _columns(rows: Sequence[tuple[Any, ...]], many: int) -> list[list[Any]]:
    """Return rows as columns."""
    return [[row[i] for row in rows] for i in range(many)]
