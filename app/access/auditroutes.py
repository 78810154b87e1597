"""The route of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, JsonValue

from app.access.audit import AuditRepository
from app.models import Answer, Query
from app.parts import DATABASE
from app.routing import Route, answer, query

if TYPE_CHECKING:
    from aiohttp import web


class AuditQuery(Query):
    """Which part: `before` is `next` of the page before."""

    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class AuditEntry(Answer):
    """Who did what to whom."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    address: str
    outcome: Literal["ok", "refused"]
    detail: dict[str, JsonValue]


class AuditPage(Answer):
    """A part of the log, newest first; `next` is null on the last."""

    entries: list[AuditEntry]
    next: int | None


async def list_audit(request: web.Request) -> web.Response:
    """See what was done and refused, newest first."""
    page = query(request, AuditQuery)
    found = await request.app[DATABASE].run(
        lambda c: AuditRepository(c).list(page.before, page.limit + 1)
    )
    shown = found[: page.limit]
    rows = [AuditEntry(**vars(entry)) for entry in shown]
    more = len(found) > page.limit
    return answer(AuditPage(entries=rows, next=shown[-1].id if more else None))


ROUTES = [
    Route(
        method="GET",
        path="/v1/audit",
        handler=list_audit,
        query=AuditQuery,
        answer=AuditPage,
        permission="audit:read",
    )
]
