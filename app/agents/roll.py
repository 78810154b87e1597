"""Which connections there are: by agent, user, key and session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import ApiError

if TYPE_CHECKING:
    from uuid import UUID

    from app.agents.connection import Connection
    from app.agents.credentials import Credential
    from app.agents.service import Registered
    from app.settings import Settings


class Roll:
    """The connections of a process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.all: dict[Connection, None] = {}  # in the order in which they came
        self.by_agent: dict[UUID, Connection] = {}
        self.by_user: dict[UUID, set[Connection]] = {}
        self.by_credential: dict[Credential, set[Connection]] = {}

    def add(self, connection: Connection) -> None:
        """Add a connection. Raises ApiError: there are too many."""
        user_id = connection.credential.user_id
        if len(self.all) >= self._settings.agent_sockets:
            raise ApiError(503, "busy", "this process has all the agents it takes", retry_after=5)
        if len(self.by_user.get(user_id, ())) >= self._settings.agent_sockets_per_user:
            message = "this user has too many sockets here"
            raise ApiError(429, "too_many_sockets", message, retry_after=5)
        self.all[connection] = None
        self.by_user.setdefault(user_id, set()).add(connection)
        self.by_credential.setdefault(connection.credential, set()).add(connection)

    def register(self, connection: Connection, found: Registered) -> Connection | None:
        """Note whose connection it is; return the older of two of the same agent."""
        other = self.by_agent.get(found.agent.id)
        if other is None or other.registered is None:
            self.by_agent[found.agent.id] = connection
            return None
        if other.registered.generation > found.generation:
            return connection
        self.by_agent[found.agent.id] = connection
        return other

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        self.all.pop(connection, None)
        _discard(self.by_user, connection.credential.user_id, connection)
        _discard(self.by_credential, connection.credential, connection)
        found = connection.registered
        if found is not None and self.by_agent.get(found.agent.id) is connection:
            del self.by_agent[found.agent.id]

    def held(self) -> list[tuple[UUID, int]]:
        """Return (agent, generation) of all that registered."""
        found = [each.registered for each in self.by_agent.values()]
        return [(each.agent.id, each.generation) for each in found if each is not None]


def _discard[K](by: dict[K, set[Connection]], name: K, connection: Connection) -> None:
    there = by.get(name, set())
    there.discard(connection)
    if not there:
        by.pop(name, None)
