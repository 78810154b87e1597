"""An agent's side of docs/reference/agents.md: what it knows, sends and hears, without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadtests.ledger import Ledger

Document = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """What follows from a message: answers to send, and how long it was under way if it was one."""

    answers: tuple[Document, ...] = ()
    seconds: float | None = None


@dataclass
class Dialogue:
    """One agent, over all its connections. What the service has not answered for is in `outbox`."""

    name: str
    ledger: Ledger
    token: str = ""
    seen: int = 0
    acked: int = 0
    sent: int = 0
    tasks: int = 0
    refused: int = 0
    outbox: dict[int, Document] = field(default_factory=dict)

    def hello(self) -> Document:
        """Return what it says first on a connection."""
        said: Document = {"type": "register", "name": self.name, "capabilities": ["load"]}
        return {**said, "resume": self.token, "seen": self.seen} if self.token else said

    def welcome(self, document: Document) -> list[Document]:
        """Take the answer to `hello`; return what has to be sent again."""
        self.token = str(document["resume"])
        self._accepted(int(document["received"]))
        self.sent = max(self.sent, int(document["received"]))
        return [self.outbox[seq] for seq in sorted(self.outbox)]

    def task(self, to: str, now: float) -> Document:
        """Return a task for another agent."""
        self.tasks += 1
        return self._message("task", to, f"{self.name}.{self.tasks}", now, body={"n": self.tasks})

    def _message(self, kind: str, to: str, task: str, now: float, **rest: object) -> Document:
        self.sent += 1
        said = {"type": kind, "seq": self.sent, "to": to, "task_id": task, **rest}
        self.outbox[self.sent] = said
        self.ledger.send(f"{kind} {task}", self.name, to, now)
        return said

    def ack(self) -> Document | None:
        """Return what says that everything up to now was dealt with; None when it was said."""
        if self.seen <= self.acked:
            return None
        self.acked = self.seen
        return {"type": "ack", "seq": self.seen}

    def hear(self, document: Document, now: float) -> Heard:
        """Take a message; return what follows from it."""
        kind = document["type"]
        if kind == "accepted":
            self._accepted(int(document["seq"]))
        elif kind == "refused":
            self._accepted(int(document["seq"]) - 1)
            self.outbox.pop(int(document["seq"]), None)
            self.refused += 1  # it stays open in the ledger: it never arrives
        elif kind in ("task", "result"):
            return self._arrived(kind, document, now)
        return Heard()

    def _accepted(self, upto: int) -> None:
        for seq in [seq for seq in self.outbox if seq <= upto]:
            message = self.outbox.pop(seq)
            self.ledger.accept(f"{message['type']} {message['task_id']}")

    def _arrived(self, kind: str, document: Document, now: float) -> Heard:
        task, sender = str(document["task_id"]), str(document["from"])
        self.seen = max(self.seen, int(document["seq"]))
        took = self.ledger.arrive(f"{kind} {task}", now)
        if kind == "result" or took is None:
            return Heard(seconds=took)
        answer = self._message("result", sender, task, now, ok=True, body=document["body"])
        return Heard((answer,), took)
