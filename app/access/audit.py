"""The audit log in PostgreSQL: who did what. Rows are added in the transaction of the deed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import AsyncConnection

    from app.access.principal import Principal

OPERATOR = "operator"  # on the command line of a host
NOBODY = "nobody"  # did not prove who they are
_ADD = (
    "INSERT INTO audit_log (actor, action, target, address, outcome, detail) "
    "VALUES (%s, %s, %s, %s, %s, %s)"
)
_LIST = (
    "SELECT id, at, actor, action, target, address, outcome, detail FROM audit_log "
    "WHERE %(before)s::bigint IS NULL OR id < %(before)s ORDER BY id DESC LIMIT %(limit)s"
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that was done or refused. Never holds a secret, nor what somebody typed."""

    action: str
    actor: str = OPERATOR
    target: str = ""
    address: str = ""
    outcome: str = "ok"
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Entry(Event):
    """A row; later ones have higher numbers."""

    id: int
    at: datetime


def by(principal: Principal, action: str, target: str, **detail: object) -> Event:
    """Return what somebody does who is signed in; without key or session it is an operator."""
    way = {"key": principal.key_id, "session": principal.session_id}
    through = {name: str(value) for name, value in way.items() if value is not None}
    return Event(
        action=action,
        actor=f"user:{principal.user_id}" if through else OPERATOR,
        target=target,
        address=principal.address,
        detail={**through, **detail},
    )


class AuditRepository:
    """The table `audit_log`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, event: Event) -> None:
        """Add a row."""
        words = (event.actor, event.action, event.target, event.address, event.outcome)
        await self._connection.execute(_ADD, (*words, Jsonb(dict(event.detail))))

    async def list(self, before: int | None = None, limit: int = 100) -> list[Entry]:
        """Return rows, newest first, beginning after `before`."""
        cursor = self._connection.cursor(row_factory=class_row(Entry))
        await cursor.execute(_LIST, {"before": before, "limit": limit})
        return await cursor.fetchall()
