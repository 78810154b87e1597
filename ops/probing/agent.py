"""One agent of the prober on its WebSocket: it stays, comes back when told, and says what it saw.

A socket is lost when it ends with anything but 1012 or the agent's own close, when it cannot be
resumed in time, or when a message of it is lost or doubled. A release that has no `/ws`, or keeps
this key from it, loses none.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from ops.probing.dialogue import Broken, Dialogue, Document
from ops.probing.wire import Absent, Place, Socket, Unreachable, connect, ending, parsed, send

RESTART, REPLACED, REFUSED = 1012, 4001, 1008
LATE = 10.0  # seconds beyond `after_ms` in which an agent must be back
ANSWER = 10.0  # seconds in which `register` is answered, and a message accepted
RETRY = 0.5  # seconds between two attempts
ABSENCE = 1.0  # seconds between two looks whether there is a /ws now
EVERY = 2.0  # seconds between two tasks of an agent


@dataclass
class Agent:
    """One agent; `peer` gets its tasks, and one of all `leads`."""

    place: Place
    dialogue: Dialogue
    leads: bool = False
    peer: Agent | None = None
    since: float | None = None  # connected and registered from then on
    color: str = ""
    known: bool = False  # was registered, with a release that still has agents
    ever: bool = False
    lost: bool = False
    absent: str = ""
    unreachable: str = ""
    resumed: int = 0
    slowest: float = 0.0  # seconds beyond `after_ms` to the answer of a resume
    tasks: int = 0
    _due: float = 0.0
    _limit: float | None = None
    _left: bool = False
    _told: float | None = None  # when to come back
    _progress: float = 0.0
    _socket: Socket | None = None

    def lose(self, why: str, *colors: str) -> None:
        """Count this socket as lost."""
        self.lost = True
        self.place.losses.add("socket", self.dialogue.name, why, *(colors or (self.color,)))

    async def run(self, begin: float) -> None:
        """Connect, again and again, from `begin` (monotonic) until the end."""
        self._due = begin
        while not self.place.closing.is_set():
            await self._wait()
            try:
                code, reason = await self._connected()
            except Absent as answer:
                self._gone(str(answer))
            except Unreachable as why:
                self._failed(str(why))
            else:
                if not self._ended(code, reason):
                    return

    async def _wait(self) -> None:
        """Wait until it is time to connect; where there are no sockets one agent looks for all."""
        place = self.place
        await self._pause()
        while self.absent and not (self.leads or place.here.is_set() or place.ended.is_set()):
            self._due = time.monotonic() + ABSENCE
            await self._pause()

    async def _pause(self) -> None:
        """Wait until `_due`; at the end of a run, no longer than between two attempts."""
        place, seconds = self.place, max(0.0, self._due - time.monotonic())
        hurried = place.ended.is_set()
        event = place.closing if hurried else place.ended
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), min(seconds, RETRY) if hurried else seconds)

    def _gone(self, answer: str) -> None:
        self.place.here.clear()
        self.dialogue.forget()
        self.absent, self.unreachable, self.known, self._limit = answer, "", False, None
        self._due = time.monotonic() + ABSENCE

    def _failed(self, why: str) -> None:
        now = time.monotonic()
        self.unreachable = why
        self._due = now + RETRY
        if self._limit is not None and now > self._limit:
            self._limit = None
            self.lose(f"not back in time: {why}", "")

    def _ended(self, code: int, reason: str) -> bool:
        """Judge the end of a connection; tell whether to come again."""
        now = time.monotonic()
        told, self._told = self._told, None
        if self._left:
            self._due = now
        elif code == RESTART:
            self._due = now if told is None else told
        elif not self.place.closing.is_set():
            words = f"closed with {code}" + (f" ({reason})" if reason else "")
            self.lose(words)
            self._due = now + RETRY
            if code == REFUSED:
                self.dialogue.forget()
        self._left = False
        self._limit = max(now, self._due) + LATE
        return code != REPLACED

    async def _connected(self) -> tuple[int, str]:
        """Connect and live until the connection ends; return the code and the reason."""
        socket, self.color = await connect(self.place)
        self._socket = socket
        try:
            answer = await self._register(socket)
            again = self._welcome(answer)
            ticking = asyncio.create_task(self._tick(socket))
            try:
                for message in again:
                    await send(socket, message)
                return await self._listen(socket)
            finally:
                ticking.cancel()
                with suppress(asyncio.CancelledError):
                    await ticking
        finally:
            self.since, self._socket = None, None
            with suppress(aiohttp.ClientError, OSError):
                await socket.close()

    async def _register(self, socket: Socket) -> Document:
        """Say who this is and return the answer. Raises Unreachable."""
        try:
            async with asyncio.timeout(ANSWER):
                await send(socket, self.dialogue.hello())
                while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    document = parsed(message.data)
                    if document.get("type") == "registered":
                        return document
        except TimeoutError:
            raise Unreachable(f"no answer to register within {ANSWER:g} s") from None
        code, reason = ending(message)
        if code == REFUSED and self.dialogue.token:
            self.lose(f"it was not let back: {reason}", "", self.color)
            self.dialogue.forget()
            self._limit = None
        raise Unreachable(f"closed with {code} ({reason}) before it was registered")

    def _welcome(self, answer: Document) -> list[Document]:
        """Take the answer to `register`; return what has to be sent again. Raises Unreachable."""
        now = time.monotonic()
        try:
            resumed = bool(self.dialogue.token)
            again = self.dialogue.welcome(answer)
        except (Broken, KeyError, ValueError, TypeError) as error:
            self.lose(f"{type(error).__name__}: {error}")
            self.dialogue.forget()
            raise Unreachable(f"registered: {error}") from None
        if resumed and self._limit is not None:
            self.resumed += 1
            self.slowest = max(self.slowest, now - (self._limit - LATE))
        self.place.here.set()
        self.known = self.ever = True
        self.absent = self.unreachable = ""
        self.since = self._progress = now
        self._limit = None
        return again

    async def _listen(self, socket: Socket) -> tuple[int, str]:
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            try:
                document = parsed(message.data)
                if document["type"] == "reconnect":
                    self._told = time.monotonic() + float(document["after_ms"]) / 1000
                    continue
                before = self.dialogue.answered
                answers = self.dialogue.hear(document)
                if self.dialogue.answered > before:
                    self._progress = time.monotonic()
            except (Broken, KeyError, ValueError, TypeError) as error:
                said = str(error) if isinstance(error, Broken) else f"{type(error).__name__} in it"
                self.lose(said)
                continue
            for answer in answers:
                await self._say(socket, answer)
        return ending(message)

    async def _tick(self, socket: Socket) -> None:
        """Send a task now and then, acknowledge, and look whether anybody answers."""
        while True:
            await asyncio.sleep(EVERY)
            if not self.place.ended.is_set() and self.peer is not None and self.peer.known:
                self.tasks += 1
                await self._say(socket, self.dialogue.task(self.peer.dialogue.name, self.tasks))
            if (said := self.dialogue.ack()) is not None:
                await send(socket, said)
            if self.dialogue.outbox and time.monotonic() - self._progress > ANSWER:
                self.lose(f"nothing was accepted for {ANSWER:g} s")
                await socket.close()

    async def _say(self, socket: Socket, document: Document) -> None:
        """Send an own message; it is sent again on the next connection when this one is gone."""
        if len(self.dialogue.outbox) == 1:
            self._progress = time.monotonic()  # nothing was owed before it
        await send(socket, document)

    async def leave(self) -> None:
        """Close the connection as one's own choice; `run` comes back with the token."""
        if self._socket is not None and self.since is not None:
            self._left = True
            with suppress(aiohttp.ClientError, OSError):
                await self._socket.close()
