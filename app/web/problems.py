"""Errors as pages: for browsers, and there only where people look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from app.access import browser
from app.parts import PAGE, REQUEST_ID
from app.web import render, words

if TYPE_CHECKING:
    from app.errors import ApiError

TITLES = {
    400: "This cannot be read",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "This is too large",
    429: "Please wait",
    500: "Something went wrong",
    503: "Not available for a moment",
}


def wanted(request: web.Request) -> bool:
    """Tell whether an error is shown to a person."""
    html = "text/html" in request.headers.get("Accept", "")
    nowhere = request.match_info.route.resource is None and not request.path.startswith("/v1/")
    return html and (PAGE in request or nowhere)


def page(request: web.Request, error: ApiError) -> web.Response:
    """Return an error as a page; who is not signed in is led to where one does that."""
    if PAGE in request and error.status == web.HTTPUnauthorized.status_code:
        return _to_sign_in(request)
    title = TITLES.get(error.status, "This was not done")
    return render.page(
        request, "problem.html", fault=error, title=title, request_id=request[REQUEST_ID]
    )


def _to_sign_in(request: web.Request) -> web.Response:
    """Lead to signing in and back; a session that ended is said, and its cookie taken away."""
    had = bool(browser.tokens(request))
    query = {"next": words.own_path(request.path)} if request.method in browser.SAFE else {}
    if had:
        query["done"] = "over"
    if query.get("next") == "/":
        del query["next"]
    address = request.url.with_path("/sign-in").with_query(query).relative()
    response = web.Response(status=303, headers={"Location": str(address)})
    if had:
        browser.forget(response)
    return response
