"""What went wrong with sockets, messages and streams: when, where, and why."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

KEPT = 50
SECONDS_KEPT = 600  # as of the answers
WHY_LENGTH = 200


@dataclass
class Losses:
    """The first of what was lost, as the report tells it; who counts them is somebody else."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    last: float | None = None  # when the last one was lost
    _seconds: deque[tuple[int, Counter[str]]] = field(
        default_factory=lambda: deque(maxlen=SECONDS_KEPT)
    )

    def add(self, what: str, name: str, why: str, *colors: str) -> None:
        """Keep one more.

        Args:
            what: socket, message or stream.
            name: whose.
            why: in a few words.
            colors: every colour that had to do with it; "" for one that is not known.
        """
        at = self.last = round(time.time(), 3)
        if not self._seconds or self._seconds[-1][0] != int(at):
            self._seconds.append((int(at), Counter()))
        self._seconds[-1][1][what] += 1
        if len(self.kept) < KEPT:
            known = sorted({color for color in colors if color})
            why = why[:WHY_LENGTH].replace("\n", " ")
            self.kept.append({"t": at, "what": what, "name": name, "why": why, "colors": known})

    @property
    def seconds(self) -> list[dict[str, Any]]:
        """Return how many of what were lost in each second in which any was."""
        return [{"t": t, **counts} for t, counts in self._seconds]
