"""The files that pages load: kept by browsers for as long as their address names their content."""

from __future__ import annotations

from aiohttp import web

from app.errors import NotFound
from app.routing import Route
from app.web import render

KEPT = "public, max-age=31536000, immutable"


async def show(request: web.Request) -> web.Response:
    """A file of the pages."""
    name = request.match_info["name"]
    if name not in render.ASSETS:
        raise NotFound("file")
    # While a release changes over, the other one may be asked: what it has is used and not kept.
    right = request.query.get("v") == render.version(name)
    headers = {"Cache-Control": KEPT} if right else {}
    return web.Response(text=render.text(name), content_type=render.ASSETS[name], headers=headers)


ROUTES = [
    Route(method="GET", path=r"/assets/{name:[a-z]+\.[a-z]+}", handler=show, open=True, page=True)
]
