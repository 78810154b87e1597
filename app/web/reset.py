"""/reset#token: the page on which somebody sets a new password. It works without a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.routing import Route
from app.web import render

if TYPE_CHECKING:
    from aiohttp import web


async def reset_page(request: web.Request) -> web.Response:
    """The page for a new password."""
    return render.page(request, "reset.html")


ROUTES = [Route(method="GET", path="/reset", handler=reset_page, open=True, page=True)]
