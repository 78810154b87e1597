"""An agent of the tests: keeps what it got, and resumes as docs/reference/agents.md says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

import aiohttp

from tests.integration.service import Serving

PROTOCOL = "dash.v1"


def url(serving: Serving) -> str:
    """Return where agents connect."""
    return f"http://127.0.0.1:{serving.port}/ws"


class Agent:
    """One agent over all its connections; `async with` closes the last one."""

    def __init__(self, name: str, key: str = "", headers: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.headers = dict(headers or {"Authorization": f"Bearer {key}"})
        self.welcome: dict[str, Any] = {}
        self.got: list[dict[str, Any]] = []  # tasks and results, in the order of their coming
        self.frames: list[dict[str, Any]] = []  # everything else
        self.unsent: dict[int, dict[str, Any]] = {}  # by seq, until accepted
        self.seen = self.seq = self.accepted = 0
        self.closed: tuple[int | None, str] | None = None
        self._changed = asyncio.Event()
        self.on: Serving | None = None
        self._session: aiohttp.ClientSession | None = None
        self._reader: asyncio.Task[None] | None = None
        self.socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.leave()

    async def leave(self) -> None:
        """End the connection."""
        if self._session is not None:
            await self._session.close()
        if self._reader is not None:
            await self._reader
            self._reader = None

    async def open(self, serving: Serving) -> Self:
        """Connect, and register nothing."""
        await self.leave()
        self.on, self.closed, self.welcome = serving, None, {}
        self._session = aiohttp.ClientSession()
        self.socket = await self._session.ws_connect(
            url(serving), protocols=(PROTOCOL,), headers=self.headers, max_msg_size=0
        )
        self._reader = asyncio.create_task(self._read(self.socket))
        return self

    async def connect(self, serving: Serving, *, token: str | None = None) -> Self:
        """Connect and register, with the last token when there is one, and send again."""
        token = token or self.welcome.get("resume")
        await self.open(serving)
        await self.send(
            "register", name=self.name, **({"resume": token, "seen": self.seen} if token else {})
        )
        await self.until(lambda: bool(self.welcome) or self.closed is not None)
        if self.closed is not None:
            return self
        self.accepted = max(self.accepted, self.welcome["received"])
        self._forget()
        for frame in list(self.unsent.values()):
            await self.send(**frame)
        return self

    async def send(self, type: str, **fields: Any) -> None:  # noqa: A002 -- the protocol's name
        """Send a message."""
        assert self.socket is not None
        await self.socket.send_json({"type": type, **fields})

    async def task(self, to: str, task_id: str = "t", **body: Any) -> int:
        """Send a task under the next number, and keep it until it is accepted."""
        self.seq += 1
        frame: dict[str, Any] = {
            "type": "task",
            "seq": self.seq,
            "to": to,
            "task_id": task_id,
            "body": body,
        }
        self.unsent[self.seq] = frame
        with suppress(ConnectionError):  # it is sent again after the reconnect
            await self.send(**frame)
        return self.seq

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.name, self.closed, self.frames[-3:])
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 0.05)

    async def reaches(self, seq: int, seconds: float = 10) -> None:
        """Wait until so many messages came."""
        await self.until(lambda: self.seen >= seq, seconds)

    async def settled(self, seconds: float = 20) -> None:
        """Wait until all that was sent is answered."""
        await self.until(lambda: not self.unsent, seconds)

    async def ended(self, seconds: float = 10) -> tuple[int | None, str]:
        """Wait for the close; return its code and the first word of its reason."""
        await self.until(lambda: self.closed is not None, seconds)
        assert self.closed is not None
        return self.closed[0], self.closed[1].partition(":")[0]

    def last(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of one type that are no tasks and no results."""
        return [frame for frame in self.frames if frame["type"] == kind]

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        reason = ""
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.json())
                continue
            if message.type is aiohttp.WSMsgType.CLOSE:
                reason = message.extra or ""
            self.closed = (socket.close_code, reason)
            return

    def _take(self, frame: dict[str, Any]) -> None:
        self._changed.set()
        if frame["type"] == "registered":
            self.welcome = frame
            self.seen = max(self.seen, frame["acked"])  # what is too old does not come
        elif frame["type"] in ("task", "result"):
            assert frame["seq"] == self.seen + 1, (self.name, self.seen, frame)
            self.seen = frame["seq"]
            self.got.append(frame)
        else:
            self.frames.append(frame)
            if frame["type"] == "accepted":
                self.accepted = frame["seq"]
                self._forget()
            elif frame["type"] == "refused":
                self.unsent.pop(frame["seq"])

    def _forget(self) -> None:
        self.unsent = {seq: f for seq, f in self.unsent.items() if seq > self.accepted}
