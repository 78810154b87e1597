"""What was sent from agent to agent in this process, and what became of each message."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Message:
    """One message; times are monotonic."""

    sender: str
    receiver: str
    at: float
    accepted: bool = False
    arrived: int = 0


@dataclass
class Ledger:
    """All messages of this process. What arrived is forgotten but for its number of arrivals."""

    sent: int = 0
    arrived: int = 0
    doubled: int = 0
    strange: int = 0
    open: dict[str, Message] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    def send(self, identity: str, sender: str, receiver: str, now: float) -> None:
        """Note a message that goes out. Sent again after a reconnect, it is the same one."""
        if identity not in self.open and identity not in self._done:
            self.sent += 1
            self.open[identity] = Message(sender, receiver, now)

    def accept(self, identity: str) -> None:
        """Note that the service answers for it."""
        if identity in self.open:
            self.open[identity].accepted = True

    def arrive(self, identity: str, now: float) -> float | None:
        """Note an arrival; return the seconds it took, None when it came before or is unknown."""
        if identity in self._done:
            self.doubled += 1
            return None
        message = self.open.pop(identity, None)
        if message is None:
            self.strange += 1
            return None
        self.arrived += 1
        self._done.add(identity)
        return now - message.at

    def owed(self, name: str) -> int:
        """Return how many messages from or to an agent are still under way."""
        return sum(name in (m.sender, m.receiver) for m in self.open.values())

    @property
    def missing(self) -> int:
        """Return how many messages never arrived."""
        return len(self.open)
