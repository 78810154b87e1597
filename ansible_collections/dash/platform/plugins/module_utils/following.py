"""From the switch to the record: an edge whose neighbour went back goes back too.

Why, and why that is enough: docs/decisions/0027.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dash.platform.plugins.module_utils.switch import Edge

EVERY = 5.0  # seconds between two looks
MOVED = ("switched", "confirmed")


@dataclass
class Follower:
    """One edge that looks after its neighbours while an operation is open."""

    edge: Edge
    identity: str
    others: Sequence[neighbours.Neighbour]

    def look(self) -> str:
        """Ask once, and go back when a neighbour did; return how it ended, "" while it has not.

        Raises haproxy.HaproxyError, CorruptFile: to be tried again.
        """
        held = self.edge.operation.current()
        if held is None or held["id"] != self.identity:
            return "the operation is settled"
        if held["state"] == "reverted":
            return f"this edge went back: {self.edge.active()} serves"
        if held["state"] not in MOVED:
            return ""
        for other in self.others:
            said = other.ask()
            if said is not None and neighbours.went_back(said, held, self.edge.active()):
                self.edge.revert(self.identity, told=True)
                return f"{other.name} went back: so did this edge, {self.edge.active()} serves"
        return ""

    def run(self) -> str:
        """Look until it has ended, and return how. Raises what `look` raises."""
        while not (ended := self.look()):
            time.sleep(EVERY)
        return ended
