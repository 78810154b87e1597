"""The front page (agents and providers, live) and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from app.access.audit import AuditRepository
from app.agents import routes as agentroutes
from app.llm import providers
from app.models import Query
from app.parts import DATABASE, HUB, PRINCIPAL
from app.routing import Route, query
from app.web import render

if TYPE_CHECKING:
    from uuid import UUID

    from aiohttp import web

    from app.agents.store import Agent

SHOWN = 50  # lines of the audit log
MOST_AGENTS = 100  # that are shown, as many as GET /v1/agents gives at once


class Before(Query):
    """Which part of the log."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


async def overview(request: web.Request) -> web.Response:
    """Agents online and the state of providers."""
    by = request[PRINCIPAL]
    everybody = by.may("users:read")
    agents = await _agents(request, None if everybody else by.user_id)
    deployments = await providers.look(request.app) if by.may(providers.READ) else None
    return render.page(
        request, "overview.html", deployments=deployments, agents=agents, everybody=everybody
    )


async def _agents(request: web.Request, whose: UUID | None) -> list[Agent] | None:
    """Return agents, those that are connected first; None for who may not see them."""
    if not request[PRINCIPAL].may(agentroutes.READ):
        return None
    found = await request.app[HUB].service.page(whose, None, MOST_AGENTS)
    return sorted(found, key=lambda each: (not each.online, each.name))


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
