"""The traffic switch of one edge: the map file, HAProxy's own copy, and the way back.

Together with a switch a timer is armed: not confirmed in time, the edge goes back by itself,
whatever became of the operator's machine. The timer and a controller never act at the same time:
each holds the lock of the open operation. Beside others, an edge keeps an eye on them as well
until the operation is recorded: one that goes back takes all of them back (`following`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import (
    files,
    haproxy,
    neighbours,
    paths,
    timer,
)
from ansible_collections.dash.platform.plugins.module_utils.operation import (
    Illegal,
    Operation,
    OperationFile,
    follows,
)

if TYPE_CHECKING:
    from pathlib import Path

KEY = "active"
NONE = "none"
PATIENCE = 3.0  # seconds that HAProxy has to answer before it counts as down
TOGETHER = 3.0  # seconds that an edge waits for the others before it moves alone
UNDOABLE = ("begun", "paused", "switched")  # what the timer may take back


@dataclass(frozen=True)
class Switched:
    """A switch: the colour before it, and how many milliseconds it took."""

    from_color: str
    took_ms: float


@dataclass
class Edge:
    """One edge: its map, its HAProxy, its open operation."""

    map_file: Path = field(default_factory=lambda: paths.MAP)
    state_dir: Path = field(default_factory=lambda: paths.EDGE_STATE)
    runtime: haproxy.Runtime = field(default_factory=haproxy.Runtime)

    @property
    def operation(self) -> OperationFile:
        """The open operation."""
        return OperationFile(self.state_dir)

    def active(self) -> str:
        """Return the active colour as the map file says it, "none" when there is none."""
        try:
            words = self.map_file.read_text(encoding="ascii", errors="replace").split()
        except FileNotFoundError:
            return NONE
        return words[1] if len(words) > 1 else NONE

    def running(self) -> str:
        """Return the active colour as the running HAProxy has it, "" when none. Raises Down."""
        return self.runtime.map_value(str(self.map_file), KEY)

    def point_to(self, color: str) -> None:
        """Send new requests to a colour: file first, so that a restart in between stays there.

        Raises HaproxyError; the file says `color` then.
        """
        files.atomic_write(self.map_file, f"{KEY} {color}\n", 0o644)
        self.runtime.set_map(str(self.map_file), KEY, color)

    def switch(
        self, identity: str, color: str, *, confirm_within: float, wait_up: float
    ) -> Switched:
        """Switch to a colour whose servers are up. Run again, it starts the time anew.

        The operation is `switched` before the traffic moves and the timer is armed before that:
        whatever happens from here on, the edge can go back.

        Args:
            identity: the open operation.
            color: where to.
            confirm_within: seconds until the edge goes back by itself.
            wait_up: seconds that the servers have to be up.

        Raises:
            haproxy.HaproxyError, timer.NotArmed, operation.Illegal.
        """
        self.runtime.wait_up(f"app_{color}", wait_up)
        with self.operation.locked():
            held = self._open(identity, "switched")
            again = held["state"] == "switched"
            before = str(held["switched_from"]) if again else self.active()
            self._guard(identity, confirm_within)
            self.operation.keep(
                {
                    **held,
                    "state": "switched",
                    "switched_from": before,
                    "confirm_within": confirm_within,
                    "deadline": time.time() + confirm_within,
                }
            )
            self._await_others(identity)
            started = time.monotonic()
            self.point_to(color)
        return Switched(before, (time.monotonic() - started) * 1000)

    def _await_others(self, identity: str) -> None:
        """Wait until the other edges are about to move too: clients meet both colours for less.

        A controller reaches them a second or more apart. One that does not come is not waited for.
        """
        end = time.monotonic() + TOGETHER
        late = neighbours.listed()
        while late := [other for other in late if not other.has_moved(identity)]:
            if time.monotonic() >= end:
                return
            time.sleep(haproxy.POLL)

    def _guard(self, identity: str, seconds: float) -> None:
        """Make sure that this edge does not stay where nobody confirms it. Raises NotArmed."""
        timer.arm(identity, seconds)
        if neighbours.listed():
            timer.follow(identity)

    def _open(self, identity: str, state: str) -> Operation:
        """Return the open operation, when it is this one and may become (or is) `state`."""
        held = self.operation.current()
        if held is None or held["id"] != identity:
            other = f"{held['id']} is" if held else "none is"
            raise Illegal(
                f"operation {identity} is not open on this edge ({other}): nothing was changed. "
                "Next: run the command again"
            )
        if held["state"] != state and not follows(state, held["state"]):
            raise Illegal(f"operation {identity} is {held['state']}: it cannot become {state}")
        return held

    def confirm(self, identity: str) -> bool:
        """Stay on the new colour: the timer goes. False when nothing was to be confirmed.

        Raises operation.Illegal when the edge went back already.
        """
        with self.operation.locked():
            moved = self.operation.move(identity, "confirmed")
        timer.disarm(identity)
        return moved

    def revert(self, identity: str, *, told: bool = False) -> bool:
        """Go back to the colour before this operation's switch; tell whether traffic moved.

        Nothing happens when another operation is open, or this one went back already.

        Args:
            identity: the operation.
            told: by a controller, which may also take back what it has confirmed.

        Raises:
            haproxy.HaproxyError: HAProxy answers and refuses; the operation stays as it is, so
                that the timer tries again.
        """
        with self.operation.locked():
            held = self.operation.current()
            undoable = (*UNDOABLE, "confirmed") if told else UNDOABLE
            if held is None or held["id"] != identity or held["state"] not in undoable:
                return False
            moved = held["state"] in ("switched", "confirmed")
            if moved:
                self._give_back(str(held["switched_from"]))
            self.operation.move(identity, "reverted", reverted_at=time.time())
        timer.disarm(identity)
        return moved

    def _give_back(self, color: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.point_to(color)
            except haproxy.Down:
                # The file is right, and it is what HAProxy reads at its start.
                if time.monotonic() >= end:
                    return None
                time.sleep(haproxy.POLL)

    def recover(self) -> str:
        """After a boot, when timers are gone: go back if the time is up, else arm a new one.

        Returns what was done, for the journal.
        """
        held = self.operation.current()
        if held is not None and held["state"] == "confirmed" and neighbours.listed():
            timer.follow(held["id"])
            return "a confirmed switch waits for its record, with an eye on the other edges"
        if held is None or held["state"] != "switched":
            return "nothing to recover"
        # A clock that was set back must not keep the edge waiting for longer than it was told.
        left = min(held["deadline"] - time.time(), held["confirm_within"])
        if left <= 0:
            self.revert(held["id"])
            return f"the switch was never confirmed: back on {held['switched_from']}"
        self._guard(held["id"], left)
        return f"a switch waits for its confirmation for another {left:.0f} s"
