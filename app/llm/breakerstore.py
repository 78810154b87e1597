"""The table `breaker_state`: what processes tell each other of providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.breaker import Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

CHANNEL = "breaker_state"
# What an operator forced open, only an operator closes. Who is told is everybody, the writer too.
_SAVE = """
WITH saved AS (
  INSERT INTO breaker_state AS b (deployment, state, failed_probes, probe_at)
  VALUES (%(name)s, %(state)s, %(failed)s, now() + make_interval(secs => %(probe_in)s))
  ON CONFLICT (deployment) DO UPDATE
  SET state = EXCLUDED.state, failed_probes = EXCLUDED.failed_probes, probe_at = EXCLUDED.probe_at,
      probing_until = NULL,
      changed_at = CASE WHEN b.state = EXCLUDED.state THEN b.changed_at ELSE now() END
  WHERE b.state <> 'forced' OR %(operator)s
  RETURNING 1
)
SELECT pg_notify(%(channel)s, %(name)s)
"""
_FIND = """
SELECT deployment, state, failed_probes,
       greatest(0, extract(epoch FROM probe_at - now()))::float8
FROM breaker_state WHERE deployment = ANY(%s)
"""
_CLAIM = """
UPDATE breaker_state SET probing_until = now() + make_interval(secs => %(seconds)s)
WHERE deployment = %(name)s AND state = 'open' AND probe_at <= now() + interval '0.1 s'
  AND (probing_until IS NULL OR probing_until <= now())
"""
_OTHERWISE = "SELECT 1 FROM breaker_state WHERE deployment = %s AND state <> 'closed'"
_ALL = "SELECT deployment, state, failed_probes, changed_at FROM breaker_state ORDER BY deployment"


class BreakerRepository:
    """Rows by deployment. Times are the database's, so that hosts' clocks do not matter."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def save(self, name: str, snapshot: Snapshot, *, operator: bool = False) -> None:
        """Write a state and tell everybody."""
        values = {
            "name": name,
            "state": snapshot.state.value,
            "failed": snapshot.failed_probes,
            "probe_in": snapshot.probe_in,
            "operator": operator,
            "channel": CHANNEL,
        }
        await self._connection.execute(_SAVE, values)

    async def save_all(self, snapshots: Mapping[str, Snapshot]) -> None:
        """Write what a process found."""
        for name, snapshot in snapshots.items():
            await self.save(name, snapshot)

    async def find(self, names: Sequence[str]) -> dict[str, Snapshot]:
        """Return the rows that there are."""
        cursor = await self._connection.execute(_FIND, (list(names),))
        return {
            str(name): Snapshot(
                state=State(state), failed_probes=int(failed), probe_in=float(probe_in)
            )
            for name, state, failed, probe_in in await cursor.fetchall()
        }

    async def claim(self, name: str, seconds: float) -> bool:
        """Tell whether nobody else probes, and then nobody else may for a time."""
        cursor = await self._connection.execute(_CLAIM, {"name": name, "seconds": seconds})
        if cursor.rowcount:
            return True
        cursor = await self._connection.execute(_OTHERWISE, (name,))
        return await cursor.fetchone() is None  # what is open here was not written yet

    async def list(self) -> list[dict[str, object]]:
        """Return all rows for people."""
        cursor = await self._connection.execute(_ALL)
        return [
            {"deployment": name, "state": state, "failed_probes": failed, "changed_at": at}
            for name, state, failed, at in await cursor.fetchall()
        ]
