"""The routes of API keys: each user has their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from app.access.keymodels import (
    Key,
    KeyChange,
    KeyPage,
    KeyWish,
    MadeKey,
    Page,
    Rotation,
    limits_of,
)
from app.access.keys import Limits
from app.access.keyservice import Change, Made
from app.parts import KEYS, PRINCIPAL
from app.routing import Route, answer, body, query

ONE = "/v1/keys/{id:[A-Za-z0-9]{12}}"


async def create_key(request: web.Request) -> web.Response:
    """Make a key. It is shown this once."""
    wish = body(request, KeyWish)
    made = await request.app[KEYS].create(
        request[PRINCIPAL],
        name=wish.name,
        permissions=wish.permissions,
        expires_at=_in_days(wish.expires_in_days),
        limits=limits_of(wish, Limits()),
    )
    return _made(made)


async def list_keys(request: web.Request) -> web.Response:
    """See one's own keys, page by page, without those that were revoked."""
    page = query(request, Page)
    found = await request.app[KEYS].list(request[PRINCIPAL], page.after, page.limit + 1)
    more = len(found) > page.limit
    shown = found[: page.limit]
    return answer(KeyPage(keys=[Key.of(key) for key in shown], next=shown[-1].id if more else None))


async def show_key(request: web.Request) -> web.Response:
    """See one of one's own keys."""
    key = await request.app[KEYS].show(request[PRINCIPAL], request.match_info["id"])
    return answer(Key.of(key))


async def change_key(request: web.Request) -> web.Response:
    """Change one of one's own keys, at once everywhere."""
    wish, keys = body(request, KeyChange), request.app[KEYS]
    by, public_id = request[PRINCIPAL], request.match_info["id"]
    before = await keys.show(by, public_id)
    change = Change(
        name=wish.name,
        permissions=wish.permissions,
        expires_at=_in_days(wish.expires_in_days),
        never_expires="expires_in_days" in wish.model_fields_set and wish.expires_in_days is None,
        limits=limits_of(wish, before.limits),
    )
    return answer(Key.of(await keys.change(by, public_id, change)))


async def revoke_key(request: web.Request) -> web.Response:
    """Make one of one's own keys useless, at once everywhere."""
    await request.app[KEYS].revoke(request[PRINCIPAL], request.match_info["id"])
    return web.Response(status=204)


async def rotate_key(request: web.Request) -> web.Response:
    """Make the key that follows one of one's own; the old one goes on for a while."""
    until = datetime.now(UTC) + timedelta(seconds=body(request, Rotation).overlap_seconds)
    made = await request.app[KEYS].rotate(request[PRINCIPAL], request.match_info["id"], until)
    return _made(made)


def _made(made: Made) -> web.Response:
    response = answer(MadeKey.made(made.key, made.whole), 201)
    response.headers["Location"] = f"/v1/keys/{made.key.public_id}"
    return response


def _in_days(days: int | None) -> datetime | None:
    return None if days is None else datetime.now(UTC) + timedelta(days=days)


READ, WRITE = "keys:read", "keys:write"
ROUTES = [
    Route(
        method="POST",
        path="/v1/keys",
        handler=create_key,
        body=KeyWish,
        answer=MadeKey,
        status=201,
        permission=WRITE,
        errors=(409,),
    ),
    Route(
        method="GET",
        path="/v1/keys",
        handler=list_keys,
        query=Page,
        answer=KeyPage,
        permission=READ,
    ),
    Route(method="GET", path=ONE, handler=show_key, answer=Key, permission=READ, errors=(404,)),
    Route(
        method="PATCH",
        path=ONE,
        handler=change_key,
        body=KeyChange,
        answer=Key,
        permission=WRITE,
        errors=(404, 409),
    ),
    Route(
        method="DELETE",
        path=ONE,
        handler=revoke_key,
        status=204,
        permission=WRITE,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{ONE}/rotate",
        handler=rotate_key,
        body=Rotation,
        answer=MadeKey,
        status=201,
        permission=WRITE,
        errors=(404, 409),
    ),
]
