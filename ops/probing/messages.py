"""Every message that agents of the prober send one another, from sending to arrival.

A message is lost when the service has accepted it and it does not come though its receiver is
connected, or when it was refused; one that comes late after all is late, not lost. It is doubled
when it comes twice, under whatever number. Clocks are monotonic, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OVERDUE = 10.0  # seconds that an accepted message may take to a receiver that is connected


@dataclass
class Message:
    """One message; `accepted` is when the service said that it will arrive."""

    sender: str
    to: str
    accepted: float | None = None
    overdue: bool = False


@dataclass
class Messages:
    """All messages of a run. Those that arrived are only counted, and known by their ids."""

    sent: int = 0
    late: int = 0
    doubled: int = 0
    refused: int = 0
    written_off: int = 0
    open: dict[str, Message] = field(default_factory=dict)
    _arrived: set[str] = field(default_factory=set)

    def send(self, identity: str, sender: str, to: str) -> None:
        """Note a message that is on its way to the service."""
        self.sent += 1
        self.open[identity] = Message(sender, to)

    def accept(self, identity: str, now: float) -> None:
        """Note that the service answers for it; it may have arrived before it said so."""
        if (message := self.open.get(identity)) is not None and message.accepted is None:
            message.accepted = now

    def refuse(self, identity: str) -> None:
        """Note that the service read it and keeps it back: its receiver exists and reads."""
        if self.open.pop(identity, None) is not None:
            self.refused += 1

    def knows(self, identity: str) -> bool:
        """Tell whether a message has arrived."""
        return identity in self._arrived

    def arrive(self, identity: str) -> bool:
        """Note an arrival; False for one that had arrived before."""
        if identity in self._arrived:
            self.doubled += 1
            return False
        self._arrived.add(identity)
        if (message := self.open.pop(identity, None)) is not None:
            self.late += message.overdue
        return True

    def write_off(self, name: str) -> None:
        """Forget what is open from or to an agent: the release that had it keeps no messages."""
        gone = [i for i, m in self.open.items() if name in (m.sender, m.to)]
        for identity in gone:
            del self.open[identity]
        self.written_off += len(gone)

    def overdue(
        self, now: float, since: Callable[[str], float | None], seconds: float = OVERDUE
    ) -> Iterator[tuple[str, Message]]:
        """Count as lost, and return once, what was accepted and has had its time to arrive.

        Args:
            now: the clock.
            since: from when on an agent has been connected, None when it is not.
            seconds: how much time a message has, from when its receiver was connected.
        """
        for identity, message in list(self.open.items()):
            up = since(message.to)
            if message.overdue or message.accepted is None or up is None:
                continue
            if now - max(message.accepted, up) >= seconds:
                message.overdue = True
                yield identity, message

    @property
    def missing(self) -> list[Message]:
        """Those that are overdue and have not come so far."""
        return [message for message in self.open.values() if message.overdue]

    @property
    def lost(self) -> int:
        """How many are lost, as of now."""
        return self.refused + len(self.missing)

    @property
    def unfinished(self) -> int:
        """How many have no end yet."""
        return len(self.open) - len(self.missing)

    @property
    def judged(self) -> int:
        """How many have an end: arrived or lost."""
        return self.sent - self.unfinished - self.written_off
