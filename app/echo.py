"""What a release proves itself with: bodies and streams that come back as they are known."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

from aiohttp import web
from pydantic import Field

from app.errors import ApiError
from app.models import AnyObject, Query
from app.routing import Route, query

LONGEST_MS = 60_000  # of a stream
WRITE_SECONDS = 10.0  # that a client may take nothing
TYPE = "text/event-stream"


class EventsQuery(Query):
    """How many events, and how far apart; a minute in all."""

    count: Annotated[int, Field(ge=1, le=600)] = 10
    every_ms: Annotated[int, Field(ge=20, le=5000)] = 100


async def echo(request: web.Request) -> web.Response:
    """Give back what was sent, byte for byte: what a release proves its POSTs with."""
    return web.Response(body=await request.read(), content_type="application/json")


async def echo_events(request: web.Request) -> web.StreamResponse:
    """Count as a stream of events, to the end: what a release proves its streams with."""
    wish = query(request, EventsQuery)
    if wish.count * wish.every_ms > LONGEST_MS:
        raise ApiError(422, "invalid", f"query: count times every_ms is above {LONGEST_MS}")
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
    response.content_type = TYPE
    await response.prepare(request)
    began = asyncio.get_running_loop().time()
    try:
        for number in range(1, wish.count + 1):
            due = began + (number - 1) * wish.every_ms / 1000
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await _write(response, f"id: {number}\ndata: {json.dumps({'n': number})}\n\n")
        await _write(response, f"event: done\ndata: {json.dumps({'n': wish.count})}\n\n")
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()  # who takes nothing is not told that it ended
    return response


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(text.encode())


ROUTES = [
    Route(method="POST", path="/v1/echo", handler=echo, body=AnyObject, answer=AnyObject),
    Route(
        method="GET",
        path="/v1/echo/events",
        handler=echo_events,
        query=EventsQuery,
        media_type=TYPE,
    ),
]
