"""One connection of an agent: reads its messages, has them kept, sends what waits for it.

The handler's own task reads. Two more live only while there is something to do: `take` has
messages kept, `pump` writes. An idle agent costs one task and no timer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import psycopg
from aiohttp import web
from aiohttp.http_websocket import WSMsgType

from app import log
from app.agents import ending, frames
from app.agents.ending import Ending, Over
from app.agents.frames import Ack, Heartbeat, Register, Result, Task
from app.agents.service import Sent
from app.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from app.agents.credentials import Credential
    from app.agents.frames import Frame
    from app.agents.meters import AgentMeters
    from app.agents.service import AgentService, Registered
    from app.settings import Settings

REGISTER_SECONDS = 10.0
FLOOD_SECONDS = 10.0  # over which the rate is looked at
BUSY_SECONDS = 10.0  # that the database may be away
AGAIN_SECONDS = 0.25  # until it is asked again
MOST_BATCH, MOST_BYTES = 64, 262_144  # messages that wait to be kept; then nothing more is read
MOST_ANSWERS = 512  # that wait to be written
LAST_SECONDS = 3.0  # for what was read to be kept
FLUSH_SECONDS = 1.0  # for what was answered to be written
GRACE_SECONDS = 5.0  # for the close frame and the peer's: a peer may stand still for a while
_log = log.get(__name__)


class Socket(web.WebSocketResponse):
    """A WebSocket that says why it ends also where aiohttp ends it by itself."""

    def __init__(self, protocol: str, most: int, heartbeat: float) -> None:
        super().__init__(
            protocols=(protocol,), compress=False, max_msg_size=most, heartbeat=heartbeat,
            timeout=GRACE_SECONDS - 0.5,
        )  # fmt: skip
        self._most = most
        self.broken: Ending | None = None
        self._reads: asyncio.Task[Any] | None = None
        self.interrupted = False

    async def __anext__(self) -> Any:  # noqa: ANN401 -- aiohttp's messages are a union of ten
        """Return the next message; raise CancelledError when `interrupt` ends the wait."""
        self._reads = asyncio.current_task()
        try:
            return await super().__anext__()
        finally:
            self._reads = None

    async def interrupt(self) -> None:
        """End a wait for the next message.

        While somebody waits for one, aiohttp's close does not wait for the peer's close frame but
        cuts the connection. With a message on its way that is a reset, upon which whatever stands
        between may forget what it has not passed on: the frame that said why.
        """
        if self._reads is not None and self._reads is not asyncio.current_task():
            self.interrupted = True
            self._reads.cancel()
            while self._reads is not None:  # noqa: ASYNC110 -- a turn or two of the loop
                await asyncio.sleep(0)

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """Close with a code and a reason."""
        if not message and not self.closed and (broken := ending.broken(code, self._most)):
            self.broken, message = broken, broken.reason
        return await super().close(code=code, message=message, drain=drain)


class Home(Protocol):
    """What a connection needs of the process it is part of."""

    settings: Settings
    meters: AgentMeters
    service: AgentService

    def registered(self, connection: Connection, found: Registered) -> None:
        """Know where an agent is."""

    def noticed(self, connection: Connection) -> None:
        """Note sooner or later that an agent was seen, and what it acknowledged."""

    def wake(self, agents: Iterable[UUID]) -> None:
        """Something waits for agents that are here."""


class Connection:
    """From the upgrade to the close. `end` may be called by anybody, any number of times."""

    def __init__(self, home: Home, socket: Socket, credential: Credential, rate: int) -> None:
        self._home, self._socket, self.credential = home, socket, credential
        self._step = 1 / rate
        self._request: web.BaseRequest | None = None
        self.since = self.heard = self._even = time.monotonic()
        self.ends_at: float | None = None  # by time.monotonic, of the credential
        self.registered: Registered | None = None
        self.writing_since: float | None = None
        self.ending: Ending | None = None
        self.at = 0  # the last number that was sent here
        self.acked = self.written = 0  # what the agent acknowledged, and what is noted of it
        self._confirmed = False
        self._answers: deque[str] = deque()
        self._more = False
        self._taken: deque[Sent] = deque()
        self._bytes = 0
        self._room = asyncio.Event()
        self._pumping: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def run(self, request: web.BaseRequest) -> None:
        """Serve until the end, whoever brings it about."""
        self._request = request
        try:
            await self._read()
        except Over as over:
            self.end(over.ending)
        except asyncio.CancelledError:
            if not self._socket.interrupted:
                raise
            cast("asyncio.Task[Any]", asyncio.current_task()).uncancel()
        finally:
            if self._closing is None:
                self.ending = self._socket.broken
                await self._settle()
                self._stop()
            else:
                await asyncio.shield(self._closing)

    @property
    def word(self) -> str:
        """How it ended."""
        if self.ending is not None:
            return self.ending.word
        return "left" if self._socket.close_code in (1000, 1001, 1005) else "lost"

    def end(self, end: Ending) -> None:
        """Begin to end; what was read is kept before."""
        if self.ending is None:
            self.ending = end
            self._room.set()
            self._closing = asyncio.create_task(self._close(end))

    def restart(self, after_ms: int) -> None:
        """Tell the agent to connect again, and close."""
        if self.ending is None:
            if self.registered is not None:
                self.say(frames.write("reconnect", after_ms=after_ms))
            self.end(ending.RESTART)

    def wake(self) -> None:
        """There is something to send."""
        self._more = True
        self._pump()

    def say(self, text: str) -> None:
        """Answer. Who takes no answers is closed."""
        if len(self._answers) >= MOST_ANSWERS:
            self.end(ending.SLOW)
            return
        self._answers.append(text)
        self._pump()

    def presence(self, name: str, online: bool) -> None:  # noqa: FBT001 -- a field
        """Tell of another agent of the same owner."""
        if self.registered is not None and self.registered.agent.name != name:
            self.say(frames.write("presence", name=name, online=online))
            self._home.meters.messages("presence", "out").inc()

    async def _read(self) -> None:
        async for message in self._socket:
            if self.ending is not None:
                return
            if message.type is WSMsgType.BINARY:
                raise Over(ending.BINARY)
            if message.type is not WSMsgType.TEXT:
                return
            self._pace()
            frame = frames.read(cast("str", message.data))
            self._home.meters.messages(frame.type, "in").inc()
            if self.registered is None:
                await self._register(frame)
            else:
                await self._handle(frame, len(message.data))

    def _pace(self) -> None:
        self.heard = time.monotonic()
        self._even = max(self._even, self.heard) + self._step
        if self._even - self.heard > FLOOD_SECONDS:
            raise Over(ending.FLOOD)

    async def _register(self, frame: Frame) -> None:
        if not isinstance(frame, Register):
            raise Over(ending.UNREGISTERED)
        found = await self._patiently(lambda: self._home.service.register(self.credential, frame))
        agent = found.agent
        self.at = found.after
        self.registered = found
        self.ends_at = None if found.ends_in is None else time.monotonic() + found.ends_in
        self._home.registered(self, found)
        s = self._home.settings
        welcome = frames.write(
            "registered",
            agent=str(agent.id),
            name=agent.name,
            resume=found.token,
            received=agent.received,
            sent=agent.sent,
            acked=agent.acked,
            expired=agent.expired,
            refused=[{"seq": int(n), "code": code} for n, code in agent.refused.items()],
            heartbeat_seconds=s.agent_heartbeat_seconds,
            idle_seconds=s.agent_idle_seconds,
            online=found.online,
        )
        self._answers.appendleft(welcome)
        self.wake()

    async def _handle(self, frame: Frame, size: int) -> None:
        assert self.registered is not None  # noqa: S101 -- by the reader
        agent, generation = self.registered.agent, self.registered.generation
        if isinstance(frame, Register):
            raise Over(ending.UNREGISTERED)
        if not self._confirmed:
            await self._patiently(lambda: self._home.service.confirm(agent.id, generation))
            self._confirmed = True
        self._home.noticed(self)
        if isinstance(frame, Heartbeat):
            self.say(frames.write("heartbeat", t=frame.t, at=datetime.now(UTC).isoformat()))
        elif isinstance(frame, Ack):
            if frame.seq > self.at:
                raise Over(ending.gap(self.at, frame.seq))
            self.acked = max(self.acked, frame.seq)
        else:
            await self._keep(frame, size)

    async def _keep(self, frame: Task | Result, size: int) -> None:
        """Hand a message over to be kept; wait while too many are on the way."""
        while len(self._taken) >= MOST_BATCH or self._bytes >= MOST_BYTES:
            self._room.clear()
            await self._room.wait()
            if self.ending is not None:
                return
        sent = Sent(
            seq=frame.seq,
            to=frame.to,
            kind=frame.type,
            task_id=frame.task_id,
            ok=frame.ok if isinstance(frame, Result) else None,
            body=frames.body_text(frame.body),
        )
        self._taken.append(sent)
        self._bytes += size
        if self._taking is None:
            self._taking = asyncio.create_task(self._take())

    async def _take(self) -> None:
        """Have messages kept, as many at once as came meanwhile, and answer in their order."""
        assert self.registered is not None  # noqa: S101 -- by the reader
        agent, generation = self.registered.agent, self.registered.generation
        try:
            while self._taken:
                batch, self._bytes = list(self._taken), 0
                self._taken.clear()
                self._room.set()
                take = partial(self._home.service.take, agent, generation, batch)
                taken = await self._patiently(take)
                for code in taken.refused.values():
                    self._home.meters.refused(code).inc()
                for answer in answers([each.seq for each in batch], taken.refused):
                    self.say(answer)
                self._home.wake(taken.here)
        except Over as over:
            self._taken.clear()
            self.end(over.ending)
        finally:
            self._taking = None

    def _pump(self) -> None:
        if self._pumping is None and self.registered is not None and not self._socket.closed:
            self._pumping = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Write answers and what waits, until there is nothing more."""
        try:
            while self._answers or (self._more and self.ending is None):
                while self._answers:
                    await self._send(self._answers.popleft())
                if self._more and self.ending is None:
                    await self._deliver()
        except Over as over:
            self.end(over.ending)
        except (ConnectionError, RuntimeError):
            self._more = False  # the reader finds out
            self._answers.clear()
        finally:
            self._pumping = None

    async def _deliver(self) -> None:
        assert self.registered is not None  # noqa: S101 -- by the pump
        self._more = False
        agent = self.registered.agent
        rows = await self._patiently(lambda: self._home.service.read(agent.id, self.at))
        age = time.monotonic() - self.since
        for row in rows:
            if self.ending is not None:
                return
            await self._send(frames.delivered(row))
            self.at = row.seq
            self._home.meters.messages(row.kind, "out").inc()
            if row.age < age:  # it did not wait for the agent to come
                self._home.meters.delay.observe(row.age)
        self._more = self._more or bool(rows)

    async def _send(self, text: str) -> None:
        self.writing_since = time.monotonic()
        await self._socket.send_str(text)
        self.writing_since = None

    async def _patiently[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Do work on the database, again while it is away for a short time. Raises Over."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return await work()
            except Unavailable:
                if time.monotonic() > until:
                    raise Over(ending.BUSY) from None
            except psycopg.Error as error:
                _log.error("agents.refused_by_database", error=type(error).__name__)
                raise Over(ending.BUSY) from None
            await asyncio.sleep(AGAIN_SECONDS)

    async def _close(self, end: Ending) -> None:
        """Say why and close; who does not read that is cut off."""
        await self._settle()
        await self._socket.interrupt()
        # A task of its own: one that waits for a full buffer may end as if it had been cancelled.
        closing = asyncio.create_task(self._socket.close(code=end.code, message=end.reason))
        await _within(closing, GRACE_SECONDS)
        self._stop()

    async def _settle(self) -> None:
        """Let what was read be kept, and what was answered be written, within bounds."""
        if self._taking is not None:
            await _within(self._taking, LAST_SECONDS)
        if self._pumping is not None:
            await _within(self._pumping, FLUSH_SECONDS)

    def _stop(self) -> None:
        transport = self._request.transport if self._request is not None else None
        if transport is not None and self.ending is not None:
            transport.abort()


async def _within(task: asyncio.Task[Any], seconds: float) -> None:
    """Wait for a task, and cancel it when it takes longer; how it ends does not matter."""
    await asyncio.wait({task}, timeout=seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def answers(seqs: Sequence[int], refused: Mapping[int, str]) -> Iterator[str]:
    """Yield what is answered to some messages in their order: one `accepted` for many in a row."""
    last: int | None = None
    for seq in seqs:
        if last is not None and (seq in refused or seq != last + 1):
            yield frames.write("accepted", seq=last)
        last = None if seq in refused else seq
        if last is None:
            code = refused[seq]
            yield frames.write("refused", seq=seq, code=code, message=REFUSALS[code])
    if last is not None:
        yield frames.write("accepted", seq=last)


REFUSALS = {
    "no_such_agent": "there is no agent of this name",
    "inbox_full": "too much waits for this agent already",
}
