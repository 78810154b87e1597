"""The pages of who is not signed in: signing in and up, and the wish for a new password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from app.access import browser
from app.access.sessionmodels import Email, Login, Password
from app.errors import ApiError, NotFound, Unauthorized
from app.models import Form
from app.parts import FEDERATION, PRINCIPAL, RESETS, SESSION, SESSIONS, SETTINGS
from app.routing import Route, form
from app.web import render, words

if TYPE_CHECKING:
    from aiohttp import web

OwnPath = Annotated[str, BeforeValidator(lambda said: words.own_path(str(said)))]


class SignInForm(Form):
    """Who one is, and where one was going; `email` may be the name in a directory."""

    email: Login
    password: Password
    next: OwnPath = "/"


class SignUpForm(Form):
    """A user to be, where nothing is mailed."""

    email: Email
    password: Password


class EmailForm(Form):
    """Where a link is mailed to."""

    email: Email


async def sign_in_page(request: web.Request) -> web.Response:
    """Where one signs in; who is signed in already goes on."""
    to = words.own_path(request.query.get("next", "/"))
    if said := browser.tokens(request):
        try:
            await request.app[SESSIONS].find(said[0] if len(said) == 1 else "")
        except Unauthorized:
            return _sign_in(request, to)
        return render.see(to)
    return _sign_in(request, to)


async def sign_in(request: web.Request) -> web.Response:
    """Begin a session."""
    sessions = request.app[SESSIONS]
    try:
        wish = await form(request, SignInForm)
        begun = await sessions.sign_in(
            wish.email, wish.password, browser.caller(request), browser.tokens(request)
        )
    except ApiError as error:
        return _sign_in(request, words.own_path(render.typed(request, "next")), error)
    response = render.see(wish.next)
    browser.remember(response, begun, request.app[SETTINGS].session_seconds)
    return response


def _sign_in(request: web.Request, to: str, fault: ApiError | None = None) -> web.Response:
    settings, federation = request.app[SETTINGS], request.app[FEDERATION]
    return render.open_form(
        request,
        "sign_in.html",
        fault=fault,
        email=render.typed(request, "email"),
        to=to,
        ways=federation.ways,
        directory=federation.ldap is not None,
        refused=words.REFUSED.get(request.query.get("error", ""), ""),
        mail=bool(settings.smtp_host),
        sign_up=settings.sign_up,
    )


async def sign_out(request: web.Request) -> web.Response:
    """End the session that asks."""
    await request.app[SESSIONS].end(request[PRINCIPAL], request[SESSION].id)
    response = render.see("/sign-in", "signed-out")
    browser.forget(response)
    return response


async def sign_up_page(request: web.Request) -> web.Response:
    """Where one makes a user for oneself."""
    return _sign_up(request)


async def sign_up(request: web.Request) -> web.Response:
    """Make a user for oneself, or ask for one by mail."""
    by_mail = bool(request.app[SETTINGS].smtp_host)
    try:
        if by_mail:
            email = (await form(request, EmailForm)).email
            await request.app[RESETS].sign_up(email, browser.caller(request))
            return render.page(request, "mailed.html", title="Look into your mail")
        wish = await form(request, SignUpForm)
        await request.app[SESSIONS].sign_up(wish.email, wish.password, browser.caller(request))
    except ApiError as error:
        return _sign_up(request, error)
    return render.see("/sign-in", "signed-up")


def _sign_up(request: web.Request, fault: ApiError | None = None) -> web.Response:
    settings = request.app[SETTINGS]
    if not settings.sign_up:
        raise NotFound("page")
    email, by_mail = render.typed(request, "email"), bool(settings.smtp_host)
    return render.open_form(request, "sign_up.html", fault=fault, email=email, by_mail=by_mail)


async def forgot_page(request: web.Request) -> web.Response:
    """Where one asks for a link for a new password."""
    return _forgot(request)


async def forgot(request: web.Request) -> web.Response:
    """Ask for a link by mail; whether there is such a user stays unsaid."""
    try:
        email = (await form(request, EmailForm)).email
        await request.app[RESETS].ask(email, browser.caller(request))
    except ApiError as error:
        return _forgot(request, error)
    return render.page(request, "mailed.html", title="Look into your mail")


def _forgot(request: web.Request, fault: ApiError | None = None) -> web.Response:
    if not request.app[SETTINGS].smtp_host:
        raise NotFound("page")
    email = render.typed(request, "email")
    return render.open_form(request, "forgot.html", fault=fault, email=email)


ROUTES = [
    Route(method="GET", path="/sign-in", handler=sign_in_page, open=True, page=True),
    Route(method="POST", path="/sign-in", handler=sign_in, open=True, page=True),
    Route(method="POST", path="/sign-out", handler=sign_out, page=True),
    Route(method="GET", path="/sign-up", handler=sign_up_page, open=True, page=True),
    Route(method="POST", path="/sign-up", handler=sign_up, open=True, page=True),
    Route(method="GET", path="/forgot", handler=forgot_page, open=True, page=True),
    Route(method="POST", path="/forgot", handler=forgot, open=True, page=True),
]
