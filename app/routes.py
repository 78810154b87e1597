"""The one route table and its handlers."""

from __future__ import annotations

from aiohttp import web
from pydantic import JsonValue, TypeAdapter, ValidationError

from app.auth import Authenticator
from app.db import Pool
from app.errors import ApiError
from app.health import Health
from app.metrics import CONTENT_TYPE, Metrics
from app.settings import Settings

SETTINGS = web.AppKey("settings", Settings)
POOL = web.AppKey("pool", Pool)
AUTH = web.AppKey("auth", Authenticator)
HEALTH = web.AppKey("health", Health)
METRICS = web.AppKey("metrics", Metrics)


# What `POST /v1/echo` takes: any JSON object, to be given back unchanged.
ECHO = TypeAdapter(dict[str, JsonValue])


async def healthz(_request: web.Request) -> web.Response:
    """The process lives."""
    return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})


async def readyz(request: web.Request) -> web.Response:
    """Whether the edge should send requests here."""
    return await request.app[HEALTH].ready(request.app[POOL])


async def me(request: web.Request) -> web.Response:
    """Who the key belongs to."""
    key = await request.app[AUTH].authenticate(request.headers.get("Authorization"))
    return web.json_response({
        "user": {"id": str(key.user_id), "email": key.email, "role": key.role},
        "key": {"id": key.public_id, "name": key.name, "permissions": list(key.permissions)},
    }, headers={"Cache-Control": "no-store"})


async def echo(request: web.Request) -> web.Response:
    """Give back what was sent: what a release proves its POSTs with."""
    await request.app[AUTH].authenticate(request.headers.get("Authorization"))
    if request.content_type != "application/json":
        raise ApiError(415, "unsupported_media_type", "send application/json")
    try:
        body = ECHO.validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise ApiError(422, "invalid", f"{where}: {first['msg'].lower()}") from None
    return web.json_response(body, headers={"Cache-Control": "no-store"})


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus, on the private listener alone."""
    seen = request.app[METRICS]
    stats = request.app[POOL].get_stats()
    seen.pool.labels("open").set(stats.get("pool_size", 0))
    seen.pool.labels("free").set(stats.get("pool_available", 0))
    seen.pool.labels("waiting").set(stats.get("requests_waiting", 0))
    seen.listening.set(request.app[AUTH].listening)
    return web.Response(body=seen.render(), headers={"Content-Type": CONTENT_TYPE})


PUBLIC = [
    web.get("/healthz", healthz),
    web.get("/readyz", readyz),
    web.get("/v1/me", me),
    web.post("/v1/echo", echo),
]
PRIVATE = [web.get("/metrics", metrics), web.get("/healthz", healthz)]
