"""/reset#token: the page on which somebody sets a new password. It works without a session."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from aiohttp import web

from app.routing import Route

PAGES = Path(__file__).with_name("pages")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
}


@cache
def _text(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


async def reset_page(_request: web.Request) -> web.Response:
    """The page for a new password."""
    return web.Response(text=_text("reset.html"), content_type="text/html", headers=HEADERS)


async def reset_script(_request: web.Request) -> web.Response:
    """That page's script."""
    return web.Response(text=_text("reset.js"), content_type="text/javascript")


async def reset_style(_request: web.Request) -> web.Response:
    """That page's style."""
    return web.Response(text=_text("reset.css"), content_type="text/css")


ROUTES = [
    Route(method="GET", path="/reset", handler=reset_page, open=True, media_type="text/html"),
    Route(
        method="GET",
        path="/reset/script.js",
        handler=reset_script,
        open=True,
        media_type="text/javascript",
    ),
    Route(
        method="GET", path="/reset/style.css", handler=reset_style, open=True, media_type="text/css"
    ),
]
