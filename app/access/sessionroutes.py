"""The routes of people: signing up, in and out, and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web

from app.access import browser
from app.access.keymodels import Page
from app.access.sessionmodels import (
    PasswordChange,
    Reset,
    ResetAsked,
    ResetWish,
    SessionPage,
    SessionRow,
    SignIn,
    SignUp,
    SignUpAsked,
    SignUpWish,
)
from app.models import Me, OwnSession, User
from app.parts import PRINCIPAL, RESETS, SESSION, SESSIONS, SETTINGS
from app.routing import Route, answer, body, query

if TYPE_CHECKING:
    from app.access.sessions import Session

ONE = "/v1/sessions/{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}"


def me(session: Session, csrf: str) -> Me:
    """Return who is signed in."""
    return Me(
        user=User(id=session.user_id, email=session.email, role=session.role),
        session=OwnSession(
            id=session.id,
            csrf_token=csrf,
            created_at=session.created_at,
            expires_at=session.expires_at,
        ),
    )


async def sign_up(request: web.Request) -> web.Response:
    """Make a user for oneself, where the service allows it."""
    wish = body(request, SignUp)
    user = await request.app[SESSIONS].sign_up(wish.email, wish.password, browser.caller(request))
    response = answer(User(id=user.id, email=user.email, role=user.role), 201)
    response.headers["Location"] = "/v1/me"
    return response


async def ask_sign_up(request: web.Request) -> web.Response:
    """Ask for a user for oneself: a link for its password comes by mail."""
    email = body(request, SignUpWish).email
    await request.app[RESETS].sign_up(email, browser.caller(request))
    return answer(SignUpAsked(), 202)


async def sign_in(request: web.Request) -> web.Response:
    """Begin a session: its cookie comes along."""
    wish, sessions = body(request, SignIn), request.app[SESSIONS]
    begun = await sessions.sign_in(
        wish.email, wish.password, browser.caller(request), browser.tokens(request)
    )
    response = answer(me(begun.session, sessions.csrf(begun.session.id)), 201)
    response.headers["Location"] = f"/v1/sessions/{begun.session.id}"
    browser.remember(response, begun, request.app[SETTINGS].session_seconds)
    return response


async def list_sessions(request: web.Request) -> web.Response:
    """See where one is signed in, page by page."""
    page, by = query(request, Page), request[PRINCIPAL]
    found = await request.app[SESSIONS].list(by, page.after, page.limit + 1)
    more = len(found) > page.limit
    shown = found[: page.limit]
    rows = [SessionRow.of(session, by.session_id) for session in shown]
    return answer(SessionPage(sessions=rows, next=shown[-1].id if more else None))


async def sign_out(request: web.Request) -> web.Response:
    """End the session that asks."""
    await request.app[SESSIONS].end(request[PRINCIPAL], request[SESSION].id)
    return _gone()


async def end_session(request: web.Request) -> web.Response:
    """End one of one's own sessions, at once everywhere."""
    which, by = UUID(request.match_info["id"]), request[PRINCIPAL]
    await request.app[SESSIONS].end(by, which)
    return _gone() if which == by.session_id else web.Response(status=204)


async def end_sessions(request: web.Request) -> web.Response:
    """End all of one's own sessions, this one too."""
    await request.app[SESSIONS].end_all(request[PRINCIPAL])
    return _gone()


async def change_password(request: web.Request) -> web.Response:
    """Change one's password; all other sessions end."""
    wish, session = body(request, PasswordChange), request[SESSION]
    await request.app[SESSIONS].change_password(
        request[PRINCIPAL], session.email, wish.current, wish.new, browser.caller(request)
    )
    return web.Response(status=204)


async def ask_reset(request: web.Request) -> web.Response:
    """Ask for a link by mail to set one's password anew."""
    email = body(request, ResetWish).email
    await request.app[RESETS].ask(email, browser.caller(request))
    return answer(ResetAsked(), 202)


async def confirm_reset(request: web.Request) -> web.Response:
    """Set one's password with the token of a link; all sessions end."""
    wish = body(request, Reset)
    await request.app[RESETS].confirm(wish.token, wish.password, browser.caller(request))
    return _gone()


def _gone() -> web.Response:
    response = web.Response(status=204)
    browser.forget(response)
    return response


WRITE = "sessions:write"
ROUTES = [
    Route(
        method="POST",
        path="/v1/users",
        handler=sign_up,
        body=SignUp,
        answer=User,
        status=201,
        open=True,
        errors=(403, 409, 503),
    ),
    Route(
        method="POST",
        path="/v1/sign-ups",
        handler=ask_sign_up,
        body=SignUpWish,
        answer=SignUpAsked,
        status=202,
        open=True,
        errors=(403, 503),
    ),
    Route(
        method="POST",
        path="/v1/sessions",
        handler=sign_in,
        body=SignIn,
        answer=Me,
        status=201,
        open=True,
        errors=(401, 403, 503),
    ),
    Route(
        method="GET",
        path="/v1/sessions",
        handler=list_sessions,
        query=Page,
        answer=SessionPage,
        permission=WRITE,
    ),
    Route(
        method="DELETE",
        path="/v1/sessions/current",
        handler=sign_out,
        status=204,
        session=True,
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path=ONE,
        handler=end_session,
        status=204,
        permission=WRITE,
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path="/v1/sessions",
        handler=end_sessions,
        status=204,
        permission=WRITE,
    ),
    Route(
        method="POST",
        path="/v1/password",
        handler=change_password,
        body=PasswordChange,
        status=204,
        session=True,
    ),
    Route(
        method="POST",
        path="/v1/password-resets",
        handler=ask_reset,
        body=ResetWish,
        answer=ResetAsked,
        status=202,
        open=True,
        errors=(403, 503),
    ),
    Route(
        method="POST",
        path="/v1/password-resets/confirm",
        handler=confirm_reset,
        body=Reset,
        status=204,
        open=True,
        errors=(403, 503),
    ),
]
