"""Requests of browsers: the cookie, where they come from, and that they come from our own pages."""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from app import formbody
from app.access import permissions
from app.access.principal import Caller, Principal
from app.access.tokens import LENGTH, new_token
from app.errors import ApiError
from app.parts import SESSION, SESSIONS, SETTINGS

if TYPE_CHECKING:
    from aiohttp import web

    from app.access.sessionservice import Begun

COOKIE = "__Host-dash"
FORM_COOKIE = "__Host-dash-form"  # of those who are not signed in: their forms are bound to it
CSRF = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_AGENT = 200  # characters
_VALUES = {name: re.compile(rf"(?:^|;)[ \t]*{name}=([^;]*)") for name in (COOKIE, FORM_COOKIE)}


def address(request: web.Request) -> str:
    """Return the client's address: what a proxy of ours says, else who is connected."""
    remote = request.remote or ""
    networks = request.app[SETTINGS].proxy_networks
    said = request.headers.getall("X-Forwarded-For", [])
    if not networks or not said:
        return remote
    try:
        peer = ipaddress.ip_address(remote)
        if any(peer in each for each in networks):
            return str(ipaddress.ip_address(said[-1].rpartition(",")[2].strip()))
    except ValueError:
        pass
    return remote


def caller(request: web.Request) -> Caller:
    """Return where a request comes from."""
    said = request.headers.get("User-Agent", "")[:LONGEST_AGENT]
    agent = "".join(c if c.isprintable() else "?" for c in said)
    return Caller(address=address(request), agent=agent)


def tokens(request: web.Request, name: str = COOKIE) -> list[str]:
    """Return what stands in a cookie of ours, each time that it was sent."""
    said = request.headers.getall("Cookie", [])
    return [value.strip() for line in said for value in _VALUES[name].findall(line)]


def ours(request: web.Request) -> None:
    """Refuse what a page of another site makes a browser send. Raises ApiError (403)."""
    if request.method not in SAFE:
        own_page(request)


def own_page(request: web.Request, *, needed: bool = False) -> None:
    """Refuse what comes from another site's page. Raises ApiError (403).

    Args:
        request: of any method; a WebSocket begins with a GET, and no browser asks before.
        needed: whether it is refused also when it does not say where it comes from.
    """
    origin, fetch = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    strange = fetch is not None and fetch not in ("same-origin", "none")
    strange = strange or (needed and origin is None)
    if origin is not None:
        try:
            parts = urlsplit(origin)
        except ValueError:
            strange = True
        else:
            wrong = parts.scheme not in ("http", "https") or bool(parts.path or parts.query)
            strange = strange or wrong or parts.netloc.lower() != request.host.lower()
    if strange:
        raise ApiError(403, "cross_site", "this came from a page of another site")


async def signed_in(request: web.Request, *, page: bool = False) -> Principal:
    """Return who a session's cookie stands for, and leave the session on the request.

    What changes something proves that a page of ours sent it: in a header, of a page's form in a
    field.

    Raises:
        ApiError: it is over (401), or the request was not made by a page of ours (403).
    """
    sessions, said = request.app[SESSIONS], tokens(request)
    # A browser sends one; which of two would count is nobody's guess.
    session = await sessions.find(said[0] if len(said) == 1 else "")
    if request.method not in SAFE:
        ours(request)
        proof = await formbody.token(request) if page else request.headers.get(CSRF, "")
        if not _same(proof, sessions.csrf(session.id)):
            raise ApiError(403, "csrf", f"send the session's csrf_token in {CSRF}")
    structlog.contextvars.bind_contextvars(session=str(session.id))
    request[SESSION] = session
    return Principal(
        user_id=session.user_id,
        role=session.role,
        permissions=permissions.of_role(session.role),
        session_id=session.id,
        address=address(request),
    )


async def own_form(request: web.Request) -> None:
    """Refuse a stranger's form that a page of ours did not give to the same browser.

    Else another site could sign somebody in to an account that is not theirs.

    Raises:
        ApiError: this browser was given no such form (403).
    """
    if request.method in SAFE:
        return
    said = tokens(request, FORM_COOKIE)
    nonce = said[0] if len(said) == 1 else ""
    wanted = request.app[SESSIONS].form_token(nonce)
    if not nonce or not _same(await formbody.token(request), wanted):
        raise ApiError(403, "csrf", "this form is too old, or cookies are off: open it again")


def form_nonce(request: web.Request) -> str:
    """Return what a stranger's forms are bound to; a new one when the browser has none."""
    said = tokens(request, FORM_COOKIE)
    return said[0] if len(said) == 1 and len(said[0]) == LENGTH else new_token()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def remember(response: web.Response, begun: Begun, seconds: float) -> None:
    """Give a browser its session."""
    response.set_cookie(
        COOKIE, begun.token, max_age=int(seconds), path="/", secure=True, httponly=True,
        samesite="Lax",
    )  # fmt: skip


def bind_forms(response: web.Response, nonce: str) -> None:
    """Give a browser what its forms are bound to while nobody is signed in."""
    response.set_cookie(FORM_COOKIE, nonce, path="/", secure=True, httponly=True, samesite="Lax")


def forget(response: web.Response) -> None:
    """Take a browser's session away."""
    response.set_cookie(COOKIE, "", max_age=0, path="/", secure=True, httponly=True, samesite="Lax")
