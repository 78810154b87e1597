"""Providers that are a few lines of aiohttp: each call is answered by what the test queued."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]
CUT = b"\0cut"  # in a list of pieces: the connection ends here


def answer(text: str = "hello", **more: Any) -> dict[str, Any]:
    """Return a whole answer in OpenAI's form."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-upstream",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        **more,
    }


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """Return an event with a chunk in OpenAI's form."""
    delta = {} if text is None else {"content": text}
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-upstream",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return b"data: " + json.dumps(document).encode() + b"\n\n"


TOKENS = chunk(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})
DONE = b"data: [DONE]\n\n"
WHOLE = [chunk(""), chunk("hel"), chunk("lo"), chunk(None, "stop"), TOKENS, DONE]


def said(document: object = None, status: int = 200, **headers: str) -> Reply:
    """Return a reply of JSON."""

    async def reply(_request: web.Request) -> web.StreamResponse:
        body = answer() if document is None else document
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body, status=status, headers=named)

    return reply


def raw(body: bytes, content_type: str = "application/json", status: int = 200) -> Reply:
    """Return a reply of bytes."""

    async def reply(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, status=status)

    return reply


def streamed(*pieces: bytes | float) -> Reply:
    """Return a reply that sends pieces; a number is a pause."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            elif piece == CUT:
                assert request.transport is not None
                request.transport.close()
                return response
            else:
                await response.write(piece)
        return response

    return reply


def slow(seconds: float) -> Reply:
    """Return a reply that takes its time."""

    async def reply(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await said()(request)

    return reply


def cut() -> Reply:
    """Return a reply that is none."""

    async def reply(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    return reply


@dataclass
class Fake:
    """A provider. `replies` are used up, then `always` is said."""

    replies: list[Reply] = field(default_factory=list)
    always: Reply = field(default_factory=said)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    cancelled: int = 0
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a call, and note when nobody waits for it any more."""
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        reply = self.replies.pop(0) if self.replies else self.always
        try:
            return await reply(request)
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled += 1
            raise
