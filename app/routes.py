"""The one route table, and the handlers that belong to no part of the service."""

from __future__ import annotations

import json
from functools import cache

from aiohttp import web

from app import docs, echo, openapi
from app.access import auditroutes, keyroutes, sessionroutes
from app.agents import routes as agentroutes
from app.health import OK
from app.identity import routes as identityroutes
from app.llm import providers
from app.llm import routes as llmroutes
from app.models import Alive, Me, OwnKey, Readiness, User
from app.parts import (
    AUTH,
    DATABASE,
    GATEWAY,
    HEALTH,
    HUB,
    KEY,
    KEYS,
    LIMITER,
    METRICS,
    RESETS,
    SESSION,
    SESSIONS,
    SETTINGS,
)
from app.routing import Route, answer
from app.web import routes as webroutes

__all__ = [
    "AUTH", "DATABASE", "GATEWAY", "HEALTH", "HUB", "KEYS", "LIMITER", "METRICS", "PUBLIC",
    "RESETS", "SESSIONS", "SETTINGS",
]  # fmt: skip


async def healthz(_request: web.Request) -> web.Response:
    """The process lives."""
    return answer(Alive(status="ok"))


async def readyz(request: web.Request) -> web.Response:
    """Whether the edge should send requests here."""
    health = request.app[HEALTH]
    return web.json_response(health.report(), status=200 if health.ready else 503)


async def me(request: web.Request) -> web.Response:
    """Who calls."""
    if SESSION in request:
        session = request[SESSION]
        return answer(sessionroutes.me(session, request.app[SESSIONS].csrf(session.id)))
    key = request[KEY]
    return answer(
        Me(
            user=User(id=key.user_id, email=key.email, role=key.role),
            key=OwnKey(
                id=key.public_id,
                name=key.name,
                permissions=list(key.permissions),
                expires_at=key.expires_at,
            ),
        )
    )


async def description(request: web.Request) -> web.Response:
    """This description."""
    text = _description(request.app[SETTINGS].version)
    return web.Response(text=text, content_type="application/json")


async def docs_page(request: web.Request) -> web.Response:
    """This description as a page."""
    page = _page(request.app[SETTINGS].version)
    return web.Response(text=page, content_type="text/html", headers=docs.HEADERS)


async def docs_style(_request: web.Request) -> web.Response:
    """The page's style."""
    return web.Response(text=docs.STYLE, content_type="text/css")


@cache
def _description(version: str) -> str:
    return json.dumps(openapi.document(PUBLIC, version), ensure_ascii=False)


@cache
def _page(version: str) -> str:
    return docs.page(openapi.document(PUBLIC, version))


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus, on the private listener alone."""
    seen, health = request.app[METRICS], request.app[HEALTH]
    stats = request.app[DATABASE].pool.get_stats()
    seen.pool.labels("open").set(stats.get("pool_size", 0))
    seen.pool.labels("free").set(stats.get("pool_available", 0))
    seen.pool.labels("waiting").set(stats.get("requests_waiting", 0))
    seen.pool.labels("most").set(request.app[SETTINGS].pool_max)
    seen.database_up.set(health.database == OK)
    seen.ready.set(health.ready)
    seen.in_flight.set(health.under_way)
    cache = request.app[AUTH].cache
    seen.listening.set(cache.listening)
    seen.cached.set(len(cache))
    request.app[GATEWAY].show()
    body, content_type = seen.render(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


PUBLIC = [
    Route(method="GET", path="/healthz", handler=healthz, answer=Alive, open=True, probe=True),
    Route(
        method="GET",
        path="/readyz",
        handler=readyz,
        answer=Readiness,
        open=True,
        probe=True,
        errors=(503,),
    ),
    Route(method="GET", path="/openapi.json", handler=description, open=True),
    Route(method="GET", path="/docs", handler=docs_page, open=True, media_type="text/html"),
    Route(
        method="GET", path="/docs/style.css", handler=docs_style, open=True, media_type="text/css"
    ),
    Route(method="GET", path="/v1/me", handler=me, answer=Me),
    *echo.ROUTES,
    *agentroutes.ROUTES,
    *keyroutes.ROUTES,
    *sessionroutes.ROUTES,
    *auditroutes.ROUTES,
    *llmroutes.ROUTES,
    *providers.ROUTES,
    *webroutes.ROUTES,
    *identityroutes.ROUTES,
]
PRIVATE = [web.get("/metrics", metrics), web.get("/healthz", healthz)]
