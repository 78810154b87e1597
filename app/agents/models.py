"""Agents as people and pages see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import Field

from app.models import Answer, Query

if TYPE_CHECKING:
    from app.agents.store import Agent


class AgentQuery(Query):
    """Which part of a list: `after` is `next` of the page before.

    `all` is everybody's agents and needs the permission users:read.
    """

    all: bool = False
    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class AgentView(Answer):
    """An agent. `color` is of the process that it is connected to, `waiting` counts messages."""

    id: UUID
    name: str
    owner: str
    capabilities: list[str]
    online: bool
    color: str
    connected_at: datetime | None
    last_seen_at: datetime | None
    waiting: int

    @classmethod
    def of(cls, agent: Agent) -> AgentView:
        """Return an agent as it is shown."""
        return cls(
            id=agent.id,
            name=agent.name,
            owner=agent.owner,
            capabilities=list(agent.capabilities),
            online=agent.online,
            color=agent.color,
            connected_at=agent.connected_at,
            last_seen_at=agent.last_seen_at,
            waiting=agent.waiting,
        )


class AgentPage(Answer):
    """A part of the agents; `next` is null on the last."""

    agents: list[AgentView]
    next: UUID | None
