"""Streams to clients: as they come (live), or when all of it is there (whole).

Until the first content goes out, a provider that fails is replaced unseen. After it, a stream
that breaks ends with an error event and without [DONE].
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from aiohttp import web

from app.llm.chat import Progress
from app.llm.failures import Failure, Kind, to_client
from app.middleware import openai_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from app.llm.attempts import Lease
    from app.llm.gateway import Gateway
    from app.llm.provider import Chunk
    from app.llm.work import Work

WRITE_SECONDS = 30.0  # that a client may take nothing
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
TYPE = "text/event-stream"


class Opened(NamedTuple):
    """A stream, with those of its chunks that are there."""

    chunks: AsyncGenerator[list[Chunk]]
    progress: Progress
    held: list[Chunk]


class Streaming:
    """One stream to one client."""

    def __init__(self, gateway: Gateway, work: Work, request: web.Request) -> None:
        self._gateway, self._work, self._request = gateway, work, request
        self._response: web.StreamResponse | None = None
        self._counted = False  # the client got a chunk with the tokens

    async def live(self) -> web.StreamResponse:
        """Send chunks as they come. Raises Failure when there is no first one."""
        work = self._work
        lease, opened = await self._gateway.attempts.run(
            work.model, work.chat, work.trace, self._open
        )
        try:
            async with aclosing(opened.chunks):
                await self._write(self._lines(opened.held))
                async for chunks in opened.chunks:
                    await self._write(self._lines(chunks))
            await self._finish(opened.progress)
            lease.succeed()
            work.outcome = "ok"
        except Failure as failure:
            lease.fail(failure)
            await self._broke(failure)
        except (ConnectionError, TimeoutError):
            self._hang_up()
        finally:
            lease.release()
            work.usage = opened.progress.tokens(work.chat.estimate)
        return self._end()

    async def whole(self, pause: float) -> web.StreamResponse:
        """Send nothing but comments until all of it is there.

        Args:
            pause: seconds between two comments.

        Raises:
            Failure: no stream became whole, and nothing was sent yet.
        """
        work = self._work
        task = asyncio.create_task(
            self._gateway.attempts.run(work.model, work.chat, work.trace, self._collect)
        )
        try:
            while not (await asyncio.wait({task}, timeout=pause))[0]:
                await self._write(KEEP_ALIVE)
            lease, opened = task.result()
            lease.succeed()
            work.usage = opened.progress.tokens(work.chat.estimate)
            await self._write(self._lines(opened.held))
            await self._finish(opened.progress)
            work.outcome = "ok"
        except Failure as failure:
            if self._response is None:
                raise
            await self._broke(failure)
        except (ConnectionError, TimeoutError):
            self._hang_up()
        finally:
            task.cancel()
            await asyncio.wait({task})
        return self._end()

    async def _open(self, lease: Lease, seconds: float) -> Opened:
        """Begin a stream and wait for its first content."""
        upstream, body = self._gateway.call(lease, self._work.chat)
        progress, held = Progress(), list[Any]()
        chunks = upstream.stream(lease.permit, body, seconds, progress)
        try:
            async for found in chunks:
                held += found
                if progress.content:
                    break
        except BaseException:
            await chunks.aclose()
            raise
        lease.began()
        self._work.trace.began()
        return Opened(chunks, progress, held)

    async def _collect(self, lease: Lease, seconds: float) -> Opened:
        """Read a stream to its end."""
        try:
            async with asyncio.timeout(seconds):
                opened = await self._open(lease, seconds)
                async with aclosing(opened.chunks):
                    async for found in opened.chunks:
                        opened.held.extend(found)
        except TimeoutError:
            raise Failure(Kind.TIMEOUT, "the provider did not end in time") from None
        return opened

    def _lines(self, chunks: Iterable[Chunk]) -> bytes:
        """Return chunks as events, without what only the gateway asked for."""
        lines = []
        for chunk in chunks:
            if not chunk.document["choices"] and "usage" in chunk.document:
                if not self._work.chat.include_usage:
                    continue
                self._counted = True
            lines.append(_event(chunk.data))
        return b"".join(lines)

    async def _finish(self, progress: Progress) -> None:
        """Say that the stream is whole, and before that the tokens, if the provider did not."""
        end = DONE
        if self._work.chat.include_usage and not self._counted:
            used = progress.tokens(self._work.chat.estimate)
            end = _event(json.dumps(self._usage(used.prompt, used.completion)).encode()) + DONE
        await self._write(end)

    def _usage(self, prompt: int, completion: int) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self._work.request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": self._work.model,
            "choices": [],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            },
        }

    async def _write(self, data: bytes) -> None:
        """Send bytes; what a client does not take in time ends the stream."""
        if not data:
            return
        async with asyncio.timeout(WRITE_SECONDS):
            if self._response is None:
                headers = self._work.headers() | {"X-Accel-Buffering": "no"}
                self._response = web.StreamResponse(headers=headers)
                self._response.content_type = TYPE
                await self._response.prepare(self._request)
            await self._response.write(data)
        if self._work.kept is not None:
            self._work.kept.append(data)

    async def _broke(self, failure: Failure) -> None:
        """Tell a client whose answer began that it will not end."""
        self._work.outcome = failure.kind
        try:
            await self._write(_event(json.dumps(openai_error(to_client(failure))).encode()))
        except (ConnectionError, TimeoutError):
            self._hang_up()

    def _hang_up(self) -> NoReturn:
        """End the connection of a client that takes nothing, and the request with it."""
        if self._request.transport is not None:
            self._request.transport.abort()
        raise asyncio.CancelledError

    def _end(self) -> web.StreamResponse:
        assert self._response is not None  # noqa: S101 -- something was written
        return self._response


def _event(data: bytes) -> bytes:
    """Return data as an event; each of its lines is one of the event's."""
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    return b"data: %b\n\n" % data
