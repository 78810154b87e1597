"""The one route table and its handlers."""

from __future__ import annotations

from aiohttp import web
from pydantic import JsonValue, TypeAdapter, ValidationError

from app.access.auth import Authenticator
from app.db import Database
from app.errors import ApiError
from app.health import OK, Health
from app.metrics import CONTENT_TYPE, Metrics
from app.settings import Settings

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
AUTH = web.AppKey("auth", Authenticator)
HEALTH = web.AppKey("health", Health)
METRICS = web.AppKey("metrics", Metrics)

# What `POST /v1/echo` takes: any JSON object, to be given back unchanged.
ECHO = TypeAdapter(dict[str, JsonValue])


async def healthz(_request: web.Request) -> web.Response:
    """The process lives."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Whether the edge should send requests here."""
    health = request.app[HEALTH]
    return web.json_response(health.report(), status=200 if health.ready else 503)


async def me(request: web.Request) -> web.Response:
    """Who the key belongs to."""
    key = await request.app[AUTH].authenticate(request.headers.get("Authorization"))
    return web.json_response(
        {
            "user": {"id": str(key.user_id), "email": key.email, "role": key.role},
            "key": {
                "id": key.public_id,
                "name": key.name,
                "permissions": list(key.permissions),
                "expires_at": key.expires_at.isoformat() if key.expires_at else None,
            },
        }
    )


async def echo(request: web.Request) -> web.Response:
    """Give back what was sent, byte for byte: what a release proves its POSTs with."""
    await request.app[AUTH].authenticate(request.headers.get("Authorization"))
    if request.content_type != "application/json":
        raise ApiError(415, "unsupported_media_type", "send application/json")
    body = await request.read()
    try:
        ECHO.validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise ApiError(422, "invalid", f"{where}: {first['msg'].lower()}") from None
    return web.Response(body=body, content_type="application/json")


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
    return web.Response(body=seen.render(), headers={"Content-Type": CONTENT_TYPE})


PUBLIC = [
    web.get("/healthz", healthz),
    web.get("/readyz", readyz),
    web.get("/v1/me", me),
    web.post("/v1/echo", echo),
]
PRIVATE = [web.get("/metrics", metrics), web.get("/healthz", healthz)]
