"""The pages of one's own API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from app.access.keymodels import LONGEST_OVERLAP, Days, Name, Permissions
from app.access.permissions import PERMISSIONS
from app.errors import ApiError
from app.formbody import FIELDS
from app.models import Form, Query
from app.parts import KEYS, PRINCIPAL
from app.routing import Route, form, query
from app.web import render

if TYPE_CHECKING:
    from aiohttp import web

SHOWN = 25  # keys of a page
LIVES = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked"))
OVERLAPS = (("3600", "an hour"), ("86400", "a day"), ("604800", "a week"), ("0", "not at all"))
ONE = "/keys/{id:[A-Za-z0-9]{12}}"


class KeyForm(Form):
    """A key to make; no days are for ever."""

    name: Name
    permissions: Permissions = Field(default_factory=list)
    expires_in_days: Annotated[Days | None, BeforeValidator(lambda said: said or None)] = None


class RotateForm(Form):
    """How long the old key goes on."""

    overlap_seconds: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)]


class After(Query):
    """Which part of a list, and what was done before it; whatever else stands there is nothing."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    after: UUID | None = None


async def keys_page(request: web.Request) -> web.Response:
    """One's own keys, and where one makes another."""
    return await _keys(request, query(request, After).after)


async def make(request: web.Request) -> web.Response:
    """Make a key and show it, this once."""
    try:
        wish = await form(request, KeyForm)
        days = wish.expires_in_days
        made = await request.app[KEYS].create(
            request[PRINCIPAL],
            name=wish.name,
            permissions=wish.permissions,
            expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
        )
    except ApiError as error:
        return await _keys(request, None, error)
    return render.page(request, "made.html", status=201, key=made.key, whole=made.whole, old=None)


async def key_page(request: web.Request) -> web.Response:
    """One of one's own keys, and what can be done with it."""
    return await _key(request)


async def rotate(request: web.Request) -> web.Response:
    """Make the key that follows another and show it, this once."""
    try:
        overlap = timedelta(seconds=(await form(request, RotateForm)).overlap_seconds)
        until = datetime.now(UTC) + overlap
        made = await request.app[KEYS].rotate(request[PRINCIPAL], request.match_info["id"], until)
    except ApiError as error:
        return await _key(request, error)
    return render.page(request, "made.html", status=201, key=made.key, whole=made.whole, old=until)


async def revoke(request: web.Request) -> web.Response:
    """Make a key useless."""
    await request.app[KEYS].revoke(request[PRINCIPAL], request.match_info["id"])
    return render.see("/keys", "revoked")


async def _keys(
    request: web.Request, after: UUID | None, fault: ApiError | None = None
) -> web.Response:
    by = request[PRINCIPAL]
    found = await request.app[KEYS].list(by, after, SHOWN + 1)
    shown = found[:SHOWN]
    given = request.get(FIELDS, {})
    return render.page(
        request,
        "keys.html",
        fault=fault,
        keys=shown,
        next=shown[-1].id if len(found) > SHOWN else None,
        write=by.may(WRITE),
        permissions={name: PERMISSIONS[name] for name in sorted(by.permissions)},
        lives=LIVES,
        name=render.typed(request, "name"),
        chosen=given.get("permissions", []),
        days=render.typed(request, "expires_in_days") if given else LIVES[1][0],
    )


async def _key(request: web.Request, fault: ApiError | None = None) -> web.Response:
    by = request[PRINCIPAL]
    key = await request.app[KEYS].show(by, request.match_info["id"])
    return render.page(
        request, "key.html", fault=fault, key=key, overlaps=OVERLAPS, write=by.may(WRITE)
    )


READ, WRITE = "keys:read", "keys:write"
ROUTES = [
    Route(method="GET", path="/keys", handler=keys_page, query=After, permission=READ, page=True),
    Route(method="POST", path="/keys", handler=make, permission=WRITE, page=True),
    Route(method="GET", path=ONE, handler=key_page, permission=READ, page=True),
    Route(method="POST", path=f"{ONE}/rotate", handler=rotate, permission=WRITE, page=True),
    Route(method="POST", path=f"{ONE}/revoke", handler=revoke, permission=WRITE, page=True),
]
