"""The table `agent_processes`: who holds connections, and whether it still lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.agents.store import STALE_SECONDS

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import AsyncConnection

_RENEW = (
    "INSERT INTO agent_processes (id, color) VALUES (%s, %s) "
    "ON CONFLICT (id) DO UPDATE SET seen_at = now()"
)
# Two that clear up at once, as after a machine stood still, would lock one another out.
_STALE = """
WITH locked AS (
  SELECT id FROM agent_processes WHERE seen_at < now() - make_interval(secs => %s)
    ORDER BY id FOR UPDATE SKIP LOCKED
)
DELETE FROM agent_processes p USING locked l WHERE p.id = l.id
"""
# An agent of a process that has no row is of one that was cleared up before it came.
_CLEAR = """
WITH locked AS (
  SELECT id FROM agents WHERE process_id IS NOT NULL
    AND process_id NOT IN (SELECT id FROM agent_processes) ORDER BY id FOR NO KEY UPDATE
)
UPDATE agents a SET process_id = NULL FROM locked l WHERE a.id = l.id
RETURNING a.user_id, a.name
"""


class ProcessRepository:
    """Processes by id."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def renew(self, process: UUID, color: str) -> None:
        """Say that a process lives."""
        await self._connection.execute(_RENEW, (process, color))

    async def delete(self, process: UUID) -> None:
        """Remove a process that ends."""
        await self._connection.execute("DELETE FROM agent_processes WHERE id = %s", (process,))

    async def clear(self) -> list[Any]:
        """Remove processes that say nothing; return (owner, name) of agents that went with them."""
        await self._connection.execute(_STALE, (STALE_SECONDS,))
        return await (await self._connection.execute(_CLEAR)).fetchall()
