"""An agent's side of docs/reference/agents.md: what it knows, sends and hears, without a socket."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.probing.messages import Messages

Document = dict[str, Any]


class Broken(Exception):
    """The service contradicts itself, or loses or doubles a message; `str()` says how."""


@dataclass
class Dialogue:
    """One agent, over all its connections.

    `seen` is the highest number it was sent, `missing` those below it that never came; up to
    `repeated` they may come again. `outbox` are its own messages that the service has not answered
    for.
    """

    name: str
    run: str
    messages: Messages
    token: str = ""
    seen: int | None = None
    acked: int = 0
    sent: int = 0
    answered: int = 0
    out_of_order: int = 0
    repeated: int = 0
    missing: set[int] = field(default_factory=set)
    outbox: dict[int, Document] = field(default_factory=dict)

    def hello(self) -> Document:
        """Return what it says first on a connection."""
        said: Document = {"type": "register", "name": self.name, "capabilities": ["echo"]}
        return {**said, "resume": self.token, "seen": self.seen or 0} if self.token else said

    def welcome(self, document: Document) -> list[Document]:
        """Take the answer to `hello`; return what has to be sent again. Raises Broken."""
        received, acked = int(document["received"]), int(document["acked"])
        resumed, self.token = bool(self.token), str(document["resume"])
        if not resumed:
            self._begin(received, acked, int(document["sent"]))
            return []
        if received < self.answered:
            raise Broken(f"the service forgot messages: {received} received, {self.answered} said")
        self._accepted(received)
        return [self.outbox[seq] for seq in sorted(self.outbox)]

    def _begin(self, received: int, acked: int, repeated: int) -> None:
        """Begin where the service stands: what an earlier run left is no concern of this one.

        Without a token, what was sent and not acknowledged may come again.
        """
        self.sent = self.answered = received
        self.repeated = repeated
        self.seen, self.acked = None, acked
        self.outbox.clear()
        self.missing.clear()

    def forget(self) -> None:
        """Come as a newcomer the next time, without a token and without open messages."""
        self.token = ""
        self.messages.write_off(self.name)
        self.outbox.clear()

    def task(self, to: str, number: int) -> Document:
        """Return a task for another agent."""
        return self._message("task", to, f"{self.run}-{self.name}-{number}", body={"n": number})

    def _message(self, kind: str, to: str, task: str, **rest: object) -> Document:
        self.sent += 1
        said = {"type": kind, "seq": self.sent, "to": to, "task_id": task, **rest}
        self.outbox[self.sent] = said
        self.messages.send(f"{kind} {task}", self.name, to)
        return said

    def ack(self) -> Document | None:
        """Return what says that everything up to now was dealt with; None when it was said."""
        upto = self.seen or 0
        if upto <= self.acked:
            return None
        self.acked = upto
        return {"type": "ack", "seq": upto}

    def hear(self, document: Document) -> list[Document]:
        """Take a message; return the answers to it. Raises Broken, KeyError, ValueError."""
        kind = document["type"]
        if kind == "accepted":
            self._accepted(int(document["seq"]))
        elif kind == "refused":
            return self._refused(document)
        elif kind in ("task", "result"):
            return self._arrived(kind, document)
        return []

    def _accepted(self, upto: int) -> None:
        """Note that the service answers for all of its messages up to a number."""
        if upto > self.sent:
            raise Broken(f"number {upto} was accepted, and only {self.sent} were sent")
        self.answered = max(self.answered, upto)
        for seq in [s for s in self.outbox if s <= upto]:
            message = self.outbox.pop(seq)
            self.messages.accept(f"{message['type']} {message['task_id']}", time.monotonic())

    def _refused(self, document: Document) -> list[Document]:
        seq = int(document["seq"])
        self._accepted(seq - 1)
        self.answered = max(self.answered, seq)
        if (message := self.outbox.pop(seq, None)) is None:
            return []
        self.messages.refuse(f"{message['type']} {message['task_id']}")
        raise Broken(f"a {message['type']} to {message['to']} was refused: {document['code']}")

    def _arrived(self, kind: str, document: Document) -> list[Document]:
        task, sender = str(document["task_id"]), str(document["from"])
        seq, identity = int(document["seq"]), f"{kind} {task}"
        wrong = self._number(seq)
        ours = task.startswith(f"{self.run}-")
        if seq <= self.repeated and self.messages.knows(identity):
            return []
        again = ours and not self.messages.arrive(identity)
        if again:
            raise Broken(f"{kind} {task} came twice")
        if wrong:
            raise Broken(wrong)
        if not ours or kind == "result":
            return []
        return [self._message("result", sender, task, ok=True, body=document["body"])]

    def _number(self, seq: int) -> str:
        """Take the number of what it was sent; return what is wrong with it, or ""."""
        expected = seq if self.seen is None else self.seen + 1
        if seq in self.missing:
            self.missing.discard(seq)
            self.out_of_order += 1
            return f"number {seq} came after {self.seen}"
        if seq < expected:
            return f"number {seq} came again"
        self.missing.update(range(expected, seq))
        self.seen = seq
        return f"number {seq} came after {expected - 1}" if seq > expected else ""
