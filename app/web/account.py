"""The pages of one's own sessions and password."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app.access import browser
from app.access.sessionmodels import Password
from app.errors import ApiError
from app.models import Form
from app.parts import PRINCIPAL, SESSION, SESSIONS
from app.routing import Route, form, query
from app.web import render
from app.web.keys import After

if TYPE_CHECKING:
    from aiohttp import web

SHOWN = 25  # sessions of a page
WRITE = "sessions:write"
ONE = "/sessions/{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}"


class PasswordForm(Form):
    """The password that is, and the one to be."""

    current: Password
    new: Password


async def sessions_page(request: web.Request) -> web.Response:
    """Where one is signed in."""
    by = request[PRINCIPAL]
    found = await request.app[SESSIONS].list(by, query(request, After).after, SHOWN + 1)
    shown = found[:SHOWN]
    more = shown[-1].id if len(found) > SHOWN else None
    return render.page(request, "sessions.html", sessions=shown, next=more, current=by.session_id)


async def end(request: web.Request) -> web.Response:
    """End one of one's own sessions."""
    which, by = UUID(request.match_info["id"]), request[PRINCIPAL]
    await request.app[SESSIONS].end(by, which)
    return _out() if which == by.session_id else render.see("/sessions", "ended")


async def end_all(request: web.Request) -> web.Response:
    """End all of one's own sessions, this one too."""
    await request.app[SESSIONS].end_all(request[PRINCIPAL])
    return _out()


async def password_page(request: web.Request) -> web.Response:
    """Where one changes one's password."""
    return _password(request)


async def change_password(request: web.Request) -> web.Response:
    """Change one's password; all other sessions end."""
    try:
        wish = await form(request, PasswordForm)
        await request.app[SESSIONS].change_password(
            request[PRINCIPAL],
            request[SESSION].email,
            wish.current,
            wish.new,
            browser.caller(request),
        )
    except ApiError as error:
        return _password(request, error)
    return render.see("/password", "changed")


def _password(request: web.Request, fault: ApiError | None = None) -> web.Response:
    if not request[SESSION].has_password:
        raise ApiError(403, "no_password", "you have no password here: you sign in elsewhere")
    return render.page(request, "password.html", fault=fault)


def _out() -> web.Response:
    response = render.see("/sign-in", "signed-out")
    browser.forget(response)
    return response


ROUTES = [
    Route(
        method="GET",
        path="/sessions",
        handler=sessions_page,
        query=After,
        permission=WRITE,
        page=True,
    ),
    Route(method="POST", path="/sessions/end", handler=end_all, permission=WRITE, page=True),
    Route(method="POST", path=f"{ONE}/end", handler=end, permission=WRITE, page=True),
    Route(method="GET", path="/password", handler=password_page, page=True),
    Route(method="POST", path="/password", handler=change_password, page=True),
]
