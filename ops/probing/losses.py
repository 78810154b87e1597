"""What went wrong with sockets, messages and streams: when, where, and why."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

KEPT = 50
WHY_LENGTH = 200


@dataclass
class Losses:
    """The first of what was lost, as the report tells it; who counts them is somebody else."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def add(self, what: str, name: str, why: str, *colors: str) -> None:
        """Keep one more.

        Args:
            what: socket, message or stream.
            name: whose.
            why: in a few words.
            colors: every colour that had to do with it; "" for one that is not known.
        """
        if len(self.kept) < KEPT:
            known = sorted({color for color in colors if color})
            why = why[:WHY_LENGTH].replace("\n", " ")
            at = round(time.time(), 3)
            self.kept.append({"t": at, "what": what, "name": name, "why": why, "colors": known})
