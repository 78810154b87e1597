"""Agents and streams of the independent client: threads, and accounts of their own.

Agents are pairs: each sends its partner numbered tasks, the partner answers. What was accepted has
to come, once, and in order; a connection ends by 1012 or by one's own wish.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.websocket import Closed, Refused, WebSocket

EVERY = 2.0  # seconds between two tasks of an agent
BACK = 10.0  # seconds beyond after_ms in which an agent must be back
OVERDUE = 15.0  # seconds that an accepted message may take
RETRY = 0.5
SETTLED = 1.0  # seconds without anything owed, after which nothing comes any more
WANDER = 8.0  # seconds after which every fourth agent comes anew, as one whose network changes
NUMBERS, APART_MS = 25, 100  # of a stream
NOT_HERE = (403, 404)
OWN, ABNORMAL, RESTART = 1000, 1006, 1012
KEPT = 50
Document = dict[str, Any]


@dataclass
class Account:
    """What all agents and streams saw; one lock for all of it."""

    accepted: dict[str, float] = field(default_factory=dict)  # and since when
    arrived: Counter[str] = field(default_factory=Counter)
    out_of_order: int = 0
    opened: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    reconnects: int = 0
    streams: int = 0
    broken: int = 0
    faults: list[Document] = field(default_factory=list)
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    here: bool = True  # the release that serves has sockets; where not, one looks for all
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, name: str, why: str) -> None:
        """Note what went wrong; call it with the lock held."""
        if len(self.faults) < KEPT:
            self.faults.append({"t": round(time.time(), 3), "name": name, "why": why[:200]})

    def lose(self, name: str, why: str) -> None:
        """Count a socket as lost."""
        with self.lock:
            self.lost.add(name)
            self.fault(name, why)

    def write_off(self) -> None:
        """Forget what has not arrived: a release without sockets cannot bring it."""
        with self.lock:
            for identity in [i for i in self.accepted if not self.arrived[i]]:
                del self.accepted[identity]

    def owed(self, before: float) -> list[str]:
        """Return what was accepted before a moment and has not arrived."""
        with self.lock:
            return [i for i, at in self.accepted.items() if at < before and not self.arrived[i]]

    def document(self) -> Document:
        """Return the figures; everything that was accepted has had its time."""
        missing = self.owed(time.monotonic())
        with self.lock:
            for one in missing:
                self.fault(one, "accepted, and it never came")
            return {
                "sockets": len(self.opened),
                "lost_sockets": len(self.lost),
                "reconnects": self.reconnects,
                "messages": len(self.accepted),
                "lost_messages": len(missing),
                "doubled_messages": sum(n > 1 for n in self.arrived.values()),
                "out_of_order": self.out_of_order,
                "streams": self.streams,
                "broken_streams": self.broken,
                "open_faults": self.faults,
            }


@dataclass
class Reach:
    """How to get there."""

    url: str
    ca: str | None
    key: Callable[[], str]
    context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.context = ssl.create_default_context(cafile=self.ca) if self.ca else None

    def headers(self) -> dict[str, str]:
        """Return the headers that open doors."""
        return {"Authorization": f"Bearer {self.key()}"}


class Agent(threading.Thread):
    """One agent; `partner` is the name of the one it sends tasks to."""

    def __init__(
        self, reach: Reach, account: Account, end: threading.Event, name: str, partner: str
    ) -> None:
        super().__init__(daemon=True, name=name)
        self.reach, self.account, self.end, self.partner = reach, account, end, partner
        self.token = ""
        self.got = self.sent = self.tasks = 0
        self.repeated = 0  # up to here messages may come again: it came back without a token
        self.unanswered: dict[int, Document] = {}
        self.leaving = threading.Event()
        self.leads = name.endswith("-00")
        self.back_at = time.monotonic()
        self.judged = False  # it was connected once
        self.wanders = int(name[-2:]) % 4 == 1

    def run(self) -> None:
        """Stay connected until it is told to leave."""
        while not self.leaving.is_set():
            pause = min(self.back_at - time.monotonic(), RETRY if self.end.is_set() else 1e9)
            if pause > 0 and self.end.wait(pause) and self.leaving.wait(min(pause, RETRY)):
                return
            if not (self.account.here or self.leads):
                time.sleep(RETRY)
                continue
            try:
                self.stay(WebSocket.open(
                    f"{self.reach.url}/ws",
                    {**self.reach.headers(), "Sec-WebSocket-Protocol": "dash.v1"},
                    context=self.reach.context,
                ))  # fmt: skip
            except Refused as refused:
                self.away(f"answered {refused.status}", gone=refused.status in NOT_HERE)
            except OSError as error:
                self.away(f"{type(error).__name__}: {error}", gone=False)

    def away(self, why: str, *, gone: bool) -> None:
        """Try again; too late is lost, but a release without sockets owes nothing."""
        if gone:
            self.judged, self.token, self.account.here = False, "", False
            self.account.write_off()
        elif self.judged and time.monotonic() > self.back_at + BACK:
            self.account.lose(self.name, f"not back in time: {why}")
            self.judged = False
        time.sleep(RETRY)

    def stay(self, socket: WebSocket) -> None:
        """Live on one connection."""
        code, reason = ABNORMAL, ""
        self.told: float | None = None
        began = self.after = time.monotonic()
        try:
            self.greet(socket)
            while not self.leaving.is_set():
                self.turn(socket)
                if self.wanders and time.monotonic() > began + WANDER and not self.end.is_set():
                    break
            socket.close()
            code = OWN
        except Closed as closed:
            code, reason = closed.code, closed.reason
        except OSError as error:  # what it says was not read yet
            code, reason = self.last_words(socket, str(error))
        finally:
            socket.connection.close()
        if not self.leaving.is_set():
            self.ended(code, reason)

    def last_words(self, socket: WebSocket, why: str) -> tuple[int, str]:
        """Read how a connection ended that takes nothing more; messages in it come again."""
        try:
            while (text := socket.receive(1.0)) is not None:
                said = json.loads(text)
                if said["type"] == "reconnect":
                    self.told = time.monotonic() + said["after_ms"] / 1000
        except Closed as closed:
            if closed.code != ABNORMAL or self.told is None:
                return closed.code, closed.reason
        return (ABNORMAL, why) if self.told is None else (RESTART, "told, and cut off")

    def ended(self, code: int, reason: str) -> None:
        """Judge how a connection ended."""
        now = time.monotonic()
        self.back_at = self.told or now
        if code not in (OWN, RESTART) and self.judged:
            self.account.lose(self.name, f"closed with {code} {reason}")
            self.back_at = now + RETRY
        if code == 1008:
            self.token = ""

    def greet(self, socket: WebSocket) -> None:
        """Register, or come back."""
        hello: Document = {"type": "register", "name": self.name, "capabilities": []}
        if self.token:
            hello |= {"resume": self.token, "seen": max(self.got, 0)}
        socket.send(json.dumps(hello))
        text = socket.receive(10)
        if text is None:
            raise OSError("no answer to register")
        answer = json.loads(text)
        if self.token:
            with self.account.lock:
                self.account.reconnects += 1
            self.accept(answer["received"])
            for seq in sorted(self.unanswered):
                socket.send(json.dumps(self.unanswered[seq]))
        else:
            self.sent, self.got, self.repeated = answer["received"], -1, answer["sent"]
            self.unanswered.clear()
        self.token, self.judged, self.account.here = answer["resume"], True, True
        with self.account.lock:
            self.account.opened.add(self.name)

    def turn(self, socket: WebSocket) -> None:
        """Hear what comes, and send a task when it is time."""
        text = socket.receive(0.2)
        if text is not None:
            self.hear(socket, json.loads(text))
        if time.monotonic() >= self.after:
            self.after = time.monotonic() + EVERY
            if not self.end.is_set() and self.partner in self.account.opened:
                self.tasks += 1
                task = f"{self.account.run}-{self.name}-{self.tasks}"
                self.say(socket, "task", self.partner, task, {"n": self.tasks})
            if self.got > 0:
                socket.send(json.dumps({"type": "ack", "seq": self.got}))

    def say(
        self, socket: WebSocket, kind: str, to: str, task: str, body: Document, **more: Any
    ) -> None:
        """Send a message of its own, and keep it until the service answers for it."""
        self.sent += 1
        said = {"type": kind, "seq": self.sent, "to": to, "task_id": task, "body": body, **more}
        self.unanswered[self.sent] = said
        socket.send(json.dumps(said))

    def accept(self, upto: int) -> None:
        """Note that messages are the service's now."""
        with self.account.lock:
            for seq in [s for s in self.unanswered if s <= upto]:
                said = self.unanswered.pop(seq)
                self.account.accepted[f"{said['type']} {said['task_id']}"] = time.monotonic()

    def hear(self, socket: WebSocket, said: Document) -> None:
        """Take one message."""
        kind = said["type"]
        if kind == "accepted":
            self.accept(said["seq"])
        elif kind == "refused":
            self.account.lose(self.name, f"refused: {said}")
            self.unanswered.pop(said["seq"], None)
        elif kind == "reconnect":
            self.told = time.monotonic() + said["after_ms"] / 1000
        elif kind in ("task", "result"):
            self.take(socket, kind, said)

    def take(self, socket: WebSocket, kind: str, said: Document) -> None:
        """Take a message from another agent; answer a task."""
        identity, seq = f"{kind} {said['task_id']}", said["seq"]
        with self.account.lock:
            if self.got >= 0 and seq != self.got + 1:
                self.account.out_of_order += 1
                self.account.fault(self.name, f"number {seq} after {self.got}")
            if not said["task_id"].startswith(self.account.run):
                self.got = max(self.got, seq)  # an earlier run did not acknowledge it
                return
            again = self.account.arrived[identity] > 0
            if again and seq > self.repeated:
                self.account.fault(self.name, f"{identity} came twice")
            if not again or seq > self.repeated:
                self.account.arrived[identity] += 1
        self.got = max(self.got, seq)
        if kind == "task" and not again:
            self.say(socket, "result", said["from"], said["task_id"], said["body"], ok=True)


class Reader(threading.Thread):
    """Reads one stream after another."""

    def __init__(self, reach: Reach, account: Account, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self.reach, self.account, self.end = reach, account, end
        self.judged = False

    def run(self) -> None:
        """Read streams until the end."""
        while not self.end.is_set():
            try:
                status, numbers, done = self.read()
            except (OSError, http.client.HTTPException) as error:
                self.count(f"{type(error).__name__}: {error}")
                continue
            if status in NOT_HERE or (status != 200 and not self.judged):
                self.end.wait(1.0)
            elif self.end.is_set() and not done:
                return  # it was left, not cut
            elif status != 200:
                self.count(f"answered {status}")
            else:
                whole = len(numbers) == NUMBERS and numbers == sorted(set(numbers)) and done
                self.count("" if whole else f"{len(numbers)} numbers, done: {done}")

    def count(self, why: str) -> None:
        """Count a stream that has ended."""
        if why and not self.judged:
            self.end.wait(1.0)
            return
        self.judged = True
        with self.account.lock:
            self.account.streams += 1
            if why:
                self.account.broken += 1
                self.account.fault("stream", why)
        if why:
            self.end.wait(1.0)

    def read(self) -> tuple[int, list[int], bool]:
        """Return the status of a stream, the numbers in it, and whether it said done."""
        parts = urlsplit(self.reach.url)
        host, port = str(parts.hostname), parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=15, context=self.reach.context)
            if self.reach.context
            else http.client.HTTPConnection(host, port, timeout=15)
        )
        numbers, done = [], False
        try:
            path = f"/v1/echo/events?count={NUMBERS}&every_ms={APART_MS}"
            connection.request("GET", path, headers=self.reach.headers())
            answer = connection.getresponse()
            for line in iter(answer.readline, b""):
                if line.startswith(b"event:"):
                    done = done or line[6:].strip() == b"done"
                elif line.startswith(b"data:") and not done:
                    digits = "".join(c for c in line[5:].decode() if c.isdigit() or c == " ")
                    numbers.append(int(digits.split()[0]))
                if self.end.is_set():
                    break
            return answer.status, numbers, done
        finally:
            connection.close()


@dataclass
class Company:
    """All agents and readers of one run."""

    reach: Reach
    sockets: int
    streams: int
    account: Account = field(default_factory=Account)
    end: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Let all of them begin."""
        names = [f"witness-{number:02}" for number in range(self.sockets)]
        self.agents = [
            Agent(self.reach, self.account, self.end, name, names[(number ^ 1) % len(names)])
            for number, name in enumerate(names)
        ]
        self.readers = [Reader(self.reach, self.account, self.end) for _ in range(self.streams)]
        for thread in (*self.agents, *self.readers):
            thread.start()
            time.sleep(0.02)

    def finish(self) -> Document:
        """Send no more, give what is under way its time, leave, and return the figures.

        Between a task that has arrived and its result nothing is owed: one empty look is no proof.
        """
        self.end.set()
        begun = owing = time.monotonic()
        while (now := time.monotonic()) < begun + OVERDUE and now < owing + SETTLED:
            if self.account.owed(now):
                owing = now
            time.sleep(0.1)
        for agent in self.agents:
            agent.leaving.set()
        for thread in (*self.agents, *self.readers):
            thread.join(5)
        return self.account.document()
