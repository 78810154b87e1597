"""Templates, and what every page has: navigation, the token of its forms, headers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.access import browser
from app.formbody import FIELDS
from app.parts import PRINCIPAL, SESSION, SESSIONS
from app.web import words

if TYPE_CHECKING:
    from app.errors import ApiError

HERE = Path(__file__).parent
ASSETS = {
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    "page.js": "text/javascript",
    "live.js": "text/javascript",
    "reset.js": "text/javascript",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    # Not no-referrer: then browsers send forms with the Origin null, which is nobody's.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie",
}


@dataclass(frozen=True, kw_only=True)
class Link:
    """A line of the navigation. `permission` is what its page needs."""

    label: str
    path: str
    permission: str = ""


LINKS = (
    Link(label="Overview", path="/"),
    Link(label="Keys", path="/keys", permission="keys:read"),
    Link(label="Sessions", path="/sessions", permission="sessions:write"),
    Link(label="Audit", path="/audit", permission="audit:read"),
    Link(label="Password", path="/password"),
)


@cache
def environment() -> Environment:
    """Return the templates: all they are given is escaped, what they are not given is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"when": words.when, "browser": words.browser}
    made.globals |= {"asset": asset, "over": words.over}
    return made


@cache
def text(name: str) -> str:
    """Return a file that pages load."""
    return (HERE / "assets" / name).read_text(encoding="utf-8")


@cache
def version(name: str) -> str:
    """Return what stands in a file's address, so that a changed one is another."""
    return hashlib.sha256(text(name).encode()).hexdigest()[:12]


def asset(name: str) -> str:
    """Return the address of a file that pages load."""
    return f"/assets/{name}?v={version(name)}"


def page(
    request: web.Request,
    template: str,
    *,
    status: int = 200,
    fault: ApiError | None = None,
    **values: Any,  # noqa: ANN401 -- what a template is given
) -> web.Response:
    """Return a page; `fault` is what was wrong with the form that led to it."""
    session = request.get(SESSION)
    csrf = request.app[SESSIONS].csrf(session.id) if session else ""
    common = {
        "csrf": csrf,
        "done": words.DONE.get(request.query.get("done", ""), ""),
        "fault": fault,
        "here": request.path,
        "links": _links(request),
        "session": session,
        "wait": words.wait(fault.retry_after) if fault and fault.retry_after else "",
    }
    body = environment().get_template(template).render(common | values)
    headers = dict(HEADERS)
    if fault is not None:
        status = fault.status
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        if status == web.HTTPUnauthorized.status_code:
            headers["WWW-Authenticate"] = "Bearer"
    return web.Response(text=body, content_type="text/html", status=status, headers=headers)


def open_form(
    request: web.Request,
    template: str,
    *,
    fault: ApiError | None = None,
    **values: Any,  # noqa: ANN401 -- what a template is given
) -> web.Response:
    """Return a page with a form for who is not signed in; the form is bound to the browser."""
    nonce = browser.form_nonce(request)
    csrf = request.app[SESSIONS].form_token(nonce)
    response = page(request, template, fault=fault, **{**values, "csrf": csrf})
    browser.bind_forms(response, nonce)
    return response


def typed(request: web.Request, name: str) -> str:
    """Return what somebody typed into a field of the form that is shown again."""
    values = request.get(FIELDS, {}).get(name, [])
    return values[0] if len(values) == 1 else ""


def see(path: str, done: str = "") -> web.Response:
    """Send a browser to another page of ours."""
    return web.Response(status=303, headers={"Location": f"{path}?done={done}" if done else path})


def _links(request: web.Request) -> list[Link]:
    session, by = request.get(SESSION), request.get(PRINCIPAL)
    if session is None or by is None:
        return []
    return [
        link
        for link in LINKS
        if (not link.permission or by.may(link.permission))
        and (session.has_password or link.path != "/password")
    ]
