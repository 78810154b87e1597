"""A service with agents and streams after docs/reference/agents.md, with faults to be switched on.

All in memory and of one process: what is tested is who connects, not this.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

Document = dict[str, Any]


@dataclass
class Kept:
    """What the service knows of an agent."""

    name: str
    token: str = ""
    received: int = 0
    acked: int = 0
    inbox: list[Document] = field(default_factory=list)  # all that it was ever sent
    socket: web.WebSocketResponse | None = None


@dataclass
class Agents:
    """The service's side; tests change it while it runs."""

    key: str
    color: str = "blue"
    status: int = 101  # another one: /ws answers that
    stream_status: int = 200
    after_ms: int = 30
    code: int = 1012  # with which it sends agents away
    polite: bool = True  # `reconnect` comes first
    silent: bool = False  # nothing is accepted, nothing goes on
    forgets: bool = False  # says that it received nothing
    lets_back: bool = True
    fault: str = ""  # drop, skip, twice, again, late or refuse: one message of each receiver
    cut_streams: str = ""  # off, short or shuffled
    named: tuple[str, ...] = ("/ws", "/v1/echo/events")  # in /openapi.json
    agents: dict[str, Kept] = field(default_factory=dict)
    connections: Counter[str] = field(default_factory=Counter)
    hurt: set[str] = field(default_factory=set)
    held: dict[str, Document] = field(default_factory=dict)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/ws", self.connect)
        app.router.add_get("/v1/echo/events", self.events)
        app.router.add_get("/openapi.json", self.openapi)

    def by_name(self) -> list[Kept]:
        """Return all agents in an order that does not depend on who was here first."""
        return sorted(self.agents.values(), key=lambda kept: kept.name)

    async def send_away(self, only: int | None = None) -> None:
        """Do to all agents, or the `only` first by name, what a process does that was left."""
        connected = [kept for kept in self.by_name() if kept.socket is not None]
        for kept in connected[:only]:
            socket, kept.socket = kept.socket, None
            assert socket is not None
            if self.polite:
                await socket.send_json({"type": "reconnect", "after_ms": self.after_ms})
            await socket.close(code=self.code, message=b"restart: a release")

    def cut(self, only: int | None = None) -> None:
        """Break connections off, all or the `only` first by name, without a word."""
        for kept in self.by_name()[:only]:
            if kept.socket is not None:
                transport = kept.socket._req.transport  # type: ignore[union-attr]  # it was prepared
                assert transport is not None
                kept.socket = None
                transport.abort()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        headers = {"X-Dash-Color": self.color}
        allowed = request.headers.get("Authorization") == f"Bearer {self.key}"
        status = self.status if allowed else 401
        if status != 101:
            return web.json_response({}, status=status, headers=headers)
        socket = web.WebSocketResponse(protocols=("dash.v1",))
        socket.headers.update(headers)
        await socket.prepare(request)
        assert socket.ws_protocol == "dash.v1"
        if (kept := await self.register(socket)) is not None:
            await self.listen(socket, kept)
        return socket

    async def register(self, socket: web.WebSocketResponse) -> Kept | None:
        said = json.loads((await socket.receive()).data)
        assert said["type"] == "register"
        kept = self.agents.setdefault(said["name"], Kept(said["name"]))
        if "resume" in said and (said["resume"] != kept.token or not self.lets_back):
            await socket.close(code=1008, message=b"resume: this token is not good (any more)")
            return None
        self.connections[kept.name] += 1
        after = int(said["seen"]) if "resume" in said else kept.acked
        kept.token, kept.socket = secrets.token_hex(8), socket
        await socket.send_json({
            "type": "registered", "agent": kept.name, "name": kept.name, "resume": kept.token,
            "received": 0 if self.forgets else kept.received, "sent": len(kept.inbox),
            "acked": kept.acked, "expired": 0, "heartbeat_seconds": 20, "idle_seconds": 60,
            "online": sorted(self.agents),
        })  # fmt: skip
        for document in kept.inbox[after:]:
            await self.give(kept, document)
        return kept

    async def listen(self, socket: web.WebSocketResponse, kept: Kept) -> None:
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            said = json.loads(message.data)
            if said["type"] == "ack":
                kept.acked = said["seq"]
            elif said["type"] in ("task", "result") and not self.silent:
                await self.take(socket, kept, said)
        if kept.socket is socket:
            kept.socket = None

    async def take(self, socket: web.WebSocketResponse, sender: Kept, said: Document) -> None:
        receiver = self.agents.get(said["to"])
        fault = self.fault if receiver and receiver.name not in self.hurt else ""
        if receiver is None or fault == "refuse":
            code = "inbox_full" if receiver else "no_such_agent"
            self.hurt.add(said["to"])
            sender.received = said["seq"]
            await socket.send_json(
                {"type": "refused", "seq": said["seq"], "code": code, "message": "no"}
            )
            return
        if said["seq"] == sender.received + 1:
            sender.received += 1
            await self.put(receiver, {**said, "from": sender.name}, fault)
        assert said["seq"] <= sender.received, "a gap"
        with suppress(OSError):
            await socket.send_json({"type": "accepted", "seq": said["seq"]})

    async def put(self, receiver: Kept, said: Document, fault: str) -> None:
        """Number a message and give it to its receiver, or spoil it."""
        document = {k: v for k, v in said.items() if k != "to"}
        if fault:
            self.hurt.add(receiver.name)
        if fault == "drop":
            return
        if fault == "skip":  # its number is used up, and it does not come
            receiver.inbox.append({"type": "nothing", "seq": len(receiver.inbox) + 1})
            return
        for _ in range(2 if fault == "twice" else 1):
            document = {**document, "seq": len(receiver.inbox) + 1, "at": "now"}
            receiver.inbox.append(document)
            await self.give(receiver, document)
        if fault == "again":
            await self.give(receiver, document)

    async def give(self, receiver: Kept, document: Document) -> None:
        if self.fault == "late" and receiver.name not in self.held:
            self.held[receiver.name] = document  # the next one goes before it
            return
        held = self.held.get(receiver.name)
        for one in (document, *([held] if held else [])):
            if receiver.socket is not None:
                with suppress(OSError):
                    await receiver.socket.send_json(one)
        if held:
            self.held[receiver.name] = {}

    async def openapi(self, _: web.Request) -> web.Response:
        return web.json_response({"paths": {path: {} for path in self.named}})

    async def events(self, request: web.Request) -> web.StreamResponse:
        headers = {"X-Dash-Color": self.color}
        if self.stream_status != 200:
            return web.json_response({}, status=self.stream_status, headers=headers)
        count, pause = int(request.query["count"]), int(request.query["every_ms"]) / 1000
        response = web.StreamResponse(headers=headers)
        response.content_type = "text/event-stream"
        await response.prepare(request)
        numbers = list(range(1, count + 1))
        if self.cut_streams == "shuffled":
            numbers[0], numbers[1] = numbers[1], numbers[0]
        for number in itertools.islice(numbers, 1 if self.cut_streams == "short" else count):
            await response.write(f'data: {{"n": {number}}}\n\n'.encode())
            if self.cut_streams == "off":
                assert request.transport is not None
                request.transport.abort()
                return response
            await asyncio.sleep(pause)
        await response.write(b"event: done\ndata: {}\n\n")
        return response
