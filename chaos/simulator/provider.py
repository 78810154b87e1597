"""One provider: a listener of its own, so that a refused connection is a real one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from chaos.simulator import answers
from chaos.simulator.faults import DELAYS, Fault, Faults, Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from chaos.simulator.answers import Said, Shape

TICK = 0.05  # seconds between two looks at whether the listener is to be there
MOST_OF_A_REQUEST = 32 << 20  # bytes
PIECE = 1 << 16  # bytes of a huge answer at once
JSON, STREAM, PAGE = "application/json", "text/event-stream", "text/html"


class Form(Protocol):
    """A provider's wire format."""

    path: str

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the key that was shown."""

    def most(self, body: Mapping[str, Any]) -> int | None:
        """Return how many tokens are allowed."""

    def tool(self, body: Mapping[str, Any]) -> tuple[str, Any] | None:
        """Return name and schema of the tool to call."""

    def whole(self, body: Mapping[str, Any], said: Said, call: str) -> dict[str, Any]:
        """Return an answer."""

    def events(self, body: Mapping[str, Any], said: Said, call: str) -> list[list[bytes]]:
        """Return what comes before the first token, each token, and the end."""

    def empty(self, body: Mapping[str, Any], call: str) -> tuple[dict[str, Any], list[bytes]]:
        """Return an answer without choices, and a stream without content."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""

    def refusal(self, kind: Kind, tokens: int) -> dict[str, Any]:
        """Return the error of what is refused for its content or length."""

    def error_event(self) -> bytes:
        """Return what a stream breaks off with."""


@dataclass
class Calls:
    """How often a provider was called, by model and by how it ended."""

    total: int = 0
    models: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    streams: int = 0

    def document(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "total": self.total,
            "streams": self.streams,
            "models": dict(sorted(self.models.items())),
            "ends": dict(sorted(self.ends.items())),
        }


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call: what came, what is to be said, and the fault that ends it, where one does."""

    request: web.Request
    body: dict[str, Any]
    said: Said
    name: str
    fault: Fault | None = None

    @property
    def streams(self) -> bool:
        """Whether a stream is wanted."""
        return bool(self.body.get("stream"))

    def hung_up(self, response: web.StreamResponse | None = None) -> web.StreamResponse:
        """End the connection as a process that was killed does."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return response or web.Response()


class Provider:
    """Listens, and answers as its faults and the seed will have it."""

    def __init__(
        self,
        name: str,
        form: Form,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        shape: Shape,
        seed: int = 0,
        tls: ssl.SSLContext | None = None,
        keys: Collection[str] = (),
    ) -> None:
        self.name, self._form, self._shape, self._seed = name, form, shape, seed
        self._host, self.port, self.tls = host, port, tls
        self._keys = keys
        self.faults, self.calls = Faults(), Calls()
        self._number = 0
        self._server: asyncio.Server | None = None
        self._keeper: asyncio.Task[None] | None = None
        app = web.Application(client_max_size=MOST_OF_A_REQUEST)
        app.router.add_post(form.path, self._chat)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        if tls is not None:
            tls.sni_callback = self._greeted

    async def start(self) -> None:
        """Listen. Raises OSError: the port is taken."""
        await self._runner.setup()
        await self._listen()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._server is not None:
            self._server.close()
        self.drop()
        await self._runner.cleanup()

    async def apply(self, faults: list[Fault]) -> None:
        """Have these faults and no others, on new connections too."""
        self.faults.set(faults)
        if self.faults.has(Kind.TLS):  # who is connected already would not notice
            self.drop(idle=True)
        await self._tick()

    def reset(self) -> None:
        """Forget calls, and begin with the seed's first answer again."""
        self.calls, self._number = Calls(), 0

    def drop(self, *, idle: bool = False) -> None:
        """Close connections; `idle` alone: those on which no call is under way."""
        for connection in list(self._runner.server.connections if self._runner.server else ()):
            busy = connection._current_request is not None  # noqa: SLF001 -- aiohttp says it nowhere
            if connection.transport is not None and not (idle and busy):
                connection.transport.abort()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._runner.server is not None  # noqa: S101 -- setup() made it
        self._server = await loop.create_server(
            self._runner.server, self._host, self.port, ssl=self.tls, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _keep(self) -> None:
        """Come and go with the faults of connections, until cancelled."""
        while True:
            await asyncio.sleep(TICK)
            with contextlib.suppress(OSError):  # somebody has the port: try again
                await self._tick()

    async def _tick(self) -> None:
        refused = self.faults.has(Kind.REFUSE)
        if refused and self._server is not None:
            self._server.close()
            self._server = None
            self.drop()
        elif not refused and self._server is None:
            await self._listen()

    def _greeted(self, *_: object) -> int | None:
        """Break a handshake off, or let it go on."""
        return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE if self.faults.has(Kind.TLS) else None

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self._number += 1
        rng = random.Random(f"{self._seed} {self.name} {self._number}")  # noqa: S311 -- no secret
        self.calls.total += 1
        end = "cancelled"
        try:
            end, response = await self._answer(request, rng, f"{self._seed}-{self._number}")
        finally:
            self.calls.ends[end] += 1
        return response

    async def _answer(
        self, request: web.Request, rng: random.Random, call: str
    ) -> tuple[str, web.StreamResponse]:
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        wrong = self._wrong(request, body)
        if wrong is not None:
            return "bad_request", self._error(*wrong)
        self.calls.models[body["model"]] += 1
        struck = self.faults.strike(body["model"], rng)
        ending = next((fault for fault in struck if fault.kind not in DELAYS), None)
        said = self._said(body, rng, struck)
        asked = Asked(request=request, body=body, said=said, name=call, fault=ending)
        self.calls.streams += asked.streams
        if ending is not None and ending.kind is Kind.TIMEOUT:
            await asyncio.sleep(ending.seconds)
        late = ending is None or ending.kind not in _INSTEAD
        if late or any(fault.kind is Kind.SLOW_FIRST for fault in struck):
            await asyncio.sleep(said.first)
        if ending is not None and ending.kind in _INSTEAD:
            return str(ending.kind), await self._instead(asked, ending)
        end = "ok" if ending is None else str(ending.kind)
        return end, await (self._stream if asked.streams else self._whole)(asked)

    def _wrong(self, request: web.Request, body: object) -> tuple[int, str] | None:
        key = self._form.key(request.headers)
        if not key or (self._keys and key not in self._keys):
            return 401, "invalid key"
        if not isinstance(body, dict):
            return 400, "the body is no JSON object"
        messages = body.get("messages")
        if not isinstance(body.get("model"), str) or not messages:
            return 400, "model and messages are needed"
        if not isinstance(messages, list) or not all(isinstance(x, dict) for x in messages):
            return 400, "messages is a list of objects"
        return None

    def _said(self, body: dict[str, Any], rng: random.Random, struck: list[Fault]) -> Said:
        prompt = answers.estimate(body["messages"])
        said = answers.draw(self._shape, rng, prompt, self._form.most(body))
        tool = self._form.tool(body)
        if tool is not None:
            arguments = json.dumps(answers.example(tool[1]))
            said = replace(said, tool=tool[0], arguments=arguments, cut=False)
        for fault in struck:
            if fault.kind is Kind.SLOW_FIRST:
                said = replace(said, first=fault.seconds)
            elif fault.kind is Kind.SLOW_TOKENS:
                said = replace(said, token=fault.seconds)
        return said

    def _error(self, status: int, message: str, retry_after: float | None = None) -> web.Response:
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        document = self._form.error(status, message)
        return web.json_response(document, status=status, headers=headers)

    async def _instead(self, asked: Asked, fault: Fault) -> web.StreamResponse:
        """Answer with a fault that leaves no place for an answer."""
        kind = fault.kind
        if kind in {Kind.RESET, Kind.TIMEOUT}:
            return asked.hung_up()
        if kind is Kind.RATE_LIMITED:
            return self._error(429, "Rate limit reached", fault.retry_after)
        if kind is Kind.STATUS:
            return self._error(fault.status, "The server had an error", fault.retry_after)
        if kind is Kind.CONTENT_TYPE:
            return web.Response(text="<!doctype html><title>Gateway</title>", content_type=PAGE)
        if kind is Kind.HUGE:
            return await self._huge(asked, fault)
        return web.json_response(self._form.refusal(kind, asked.said.prompt), status=400)

    async def _huge(self, asked: Asked, fault: Fault) -> web.StreamResponse:
        response = _begun(STREAM if asked.streams else JSON)
        await response.prepare(asked.request)
        await response.write(b"data: " if asked.streams else b'{"choices": "')
        for _ in range(0, fault.bytes, PIECE):
            await response.write(b"x" * PIECE)
        return response

    async def _whole(self, asked: Asked) -> web.StreamResponse:
        body, said, fault = asked.body, asked.said, asked.fault
        if fault is not None and fault.kind is Kind.EMPTY:
            return web.json_response(self._form.empty(body, asked.name)[0])
        await asyncio.sleep(said.token * len(said.tokens))
        data = json.dumps(self._form.whole(body, said, asked.name)).encode()
        if fault is None:
            return web.Response(body=data, content_type=JSON)
        half = data[: len(data) // 2]
        if fault.kind is Kind.MALFORMED:
            return web.Response(body=half, content_type=JSON)
        if fault.kind is Kind.ERROR_EVENT:
            return self._error(500, "The server had an error")
        response = _begun(JSON)
        response.content_length = len(data)
        await response.prepare(asked.request)
        await response.write(half)
        return await self._broken_off(asked, fault, response)

    async def _stream(self, asked: Asked) -> web.StreamResponse:
        body, said, fault = asked.body, asked.said, asked.fault
        response = _begun(STREAM)
        await response.prepare(asked.request)
        if fault is not None and fault.kind is Kind.EMPTY:
            await response.write(b"".join(self._form.empty(body, asked.name)[1]))
            return response
        events = self._form.events(body, said, asked.name)
        if fault is not None:  # what comes before the first token, and some of them, never the end
            events = events[:-1][: 1 + fault.after]
        async for piece in _paced(events, said.token):
            await response.write(piece)
        if fault is None:
            return response
        if fault.kind is Kind.MALFORMED:
            await response.write(b'data: {"choices": [{"delta\n\n')
            return response
        if fault.kind is Kind.ERROR_EVENT:
            await response.write(self._form.error_event())
            return response
        return await self._broken_off(asked, fault, response)

    @staticmethod
    async def _broken_off(
        asked: Asked, fault: Fault, response: web.StreamResponse
    ) -> web.StreamResponse:
        """Cut what has begun off, after a silence where that is the fault."""
        if fault.kind is Kind.STALL:
            await asyncio.sleep(fault.seconds)
        return asked.hung_up(response)


_INSTEAD = frozenset(
    {
        Kind.RESET, Kind.TIMEOUT, Kind.RATE_LIMITED, Kind.STATUS, Kind.CONTENT_TYPE, Kind.HUGE,
        Kind.POLICY, Kind.CONTEXT,
    }
)  # fmt: skip


async def _paced(events: list[list[bytes]], pause: float) -> AsyncIterator[bytes]:
    """Yield events, with a pause before each token but the first."""
    for number, pieces in enumerate(events):
        if number > 1:
            await asyncio.sleep(pause)
        yield b"".join(pieces)


def _begun(content_type: str) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = content_type
    return response
