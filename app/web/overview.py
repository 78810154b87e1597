"""The front page (agents and providers, live) and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from app.access.audit import AuditRepository
from app.llm import providers
from app.models import Query
from app.parts import DATABASE, PRINCIPAL
from app.routing import Route, query
from app.web import render

if TYPE_CHECKING:
    from aiohttp import web

SHOWN = 50  # lines of the audit log


class Before(Query):
    """Which part of the log."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


async def overview(request: web.Request) -> web.Response:
    """Agents online and the state of providers."""
    by = request[PRINCIPAL]
    deployments = await providers.look(request.app) if by.may(providers.READ) else None
    return render.page(request, "overview.html", deployments=deployments, agents=None)


async def audit_page(request: web.Request) -> web.Response:
    """What was done and refused, newest first."""
    before = query(request, Before).before
    found = await request.app[DATABASE].run(lambda c: AuditRepository(c).list(before, SHOWN + 1))
    shown = found[:SHOWN]
    more = shown[-1].id if len(found) > SHOWN else None
    return render.page(request, "audit.html", entries=shown, next=more)


ROUTES = [
    Route(method="GET", path="/", handler=overview, page=True),
    Route(
        method="GET",
        path="/audit",
        handler=audit_page,
        query=Before,
        permission="audit:read",
        page=True,
    ),
]
