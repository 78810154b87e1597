"""What the edges of a stack ask one another: which colour, which operation (docs/decisions/0027).

Asked over TCP on the private address, answered by `edgectl say` behind a socket of systemd.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import files, paths

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.dash.platform.plugins.module_utils.operation import Operation

PATIENCE = 2.0  # seconds that a neighbour has to answer
LONGEST = 65536  # bytes of an answer
KEYS = ("active", "fence", "operation")

Said = dict[str, Any]


@dataclass(frozen=True)
class Neighbour:
    """Another edge of the same stack."""

    name: str
    address: str
    port: int

    def ask(self) -> Said | None:
        """Return what it says of itself, None when it gives no answer that can be read."""
        text = b""
        try:
            with socket.create_connection((self.address, self.port), PATIENCE) as connection:
                while len(text) < LONGEST and (part := connection.recv(LONGEST)):
                    text += part
            found = json.loads(text)
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and set(KEYS) <= set(found) else None

    def has_moved(self, identity: str) -> bool:
        """Tell whether it says that an operation has come to its switch there, or further."""
        there = (self.ask() or {}).get("operation") or {}
        return there.get("id") == identity and there.get("state") not in (None, "begun", "paused")


def listed(file: Path | None = None) -> list[Neighbour]:
    """Return the neighbours that the role `edge` wrote down, none where it wrote nothing.

    Raises CorruptFile.
    """
    found = files.read_json(file or paths.ETC / "neighbours.json", "port", "edges")
    if found is None:
        return []
    return [Neighbour(e["name"], e["address"], int(found["port"])) for e in found["edges"]]


def says(active: str, fence: int, held: Operation | None) -> Said:
    """Return an edge's answer: no more of its operation than which it is and how far it got."""
    short = {key: held[key] for key in ("id", "state")} if held else None
    return {"active": active, "fence": fence, "operation": short}


def went_back(said: Said, held: Operation, active: str) -> bool:
    """Tell whether a neighbour is back on the colour before an operation, for good.

    Not while the operation is open there and not taken back: then it may still get where we are.
    Where it is not open, it has ended, unless that edge never saw it.

    Args:
        said: the neighbour's answer.
        held: the operation, `switched` or `confirmed` here.
        active: the colour that serves here.
    """
    there = said["operation"] or {}
    under_way = there.get("id") == held["id"] and there.get("state") != "reverted"
    seen = int(said["fence"]) >= int(held.get("fence", 0))
    return bool(seen and not under_way and said["active"] == held["switched_from"] != active)
