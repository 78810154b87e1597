"""The traffic switch of one edge: the map file, HAProxy's own copy, and the way back.

Together with a switch a timer is armed: not confirmed in time, the edge goes back by itself,
whatever became of the operator's machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils import files, haproxy, lease
from ansible_collections.dash.platform.plugins.module_utils.operation import OperationFile

MAP = Path("/etc/haproxy/maps/active.map")
LIBRARY = "/usr/local/lib/dash"
EDGECTL = "ansible_collections.dash.platform.plugins.module_utils.edgectl"


@dataclass
class Edge:
    """One edge: its map, its HAProxy, its open operation."""

    map_file: Path = MAP
    state_dir: Path = lease.STATE_DIR
    runtime: haproxy.Runtime = field(default_factory=haproxy.Runtime)

    @property
    def operation(self) -> OperationFile:
        """The open operation."""
        return OperationFile(self.state_dir)

    def active(self) -> str:
        """Return the active colour as the map file says it, "none" when there is none."""
        try:
            words = self.map_file.read_text(encoding="ascii").split()
        except FileNotFoundError:
            return "none"
        return words[1] if len(words) > 1 else "none"

    def point_to(self, color: str) -> None:
        """Send new requests to a colour: file first, so that a restart in between stays there."""
        files.atomic_write(self.map_file, f"active {color}\n", 0o644)
        self.runtime.set_map(str(self.map_file), "active", color)
        seen = self.runtime.map_value(str(self.map_file), "active")
        if seen != color:
            msg = f"HAProxy still says {seen or 'nothing'} after set map active {color}"
            raise haproxy.HaproxyError(msg)

    def switch(self, identity: str, color: str, *, confirm_within: float, wait_up: float) -> float:
        """Switch to a colour whose servers are up; return milliseconds that the switch took.

        The operation is `switched` before the traffic moves and the timer is armed before that:
        whatever happens from here on, the edge can go back.

        Raises:
            haproxy.HaproxyError, operation.Illegal.
        """
        self.runtime.wait_up(f"app_{color}", wait_up)
        before = self.active()
        arm(identity, confirm_within)
        self.operation.move(identity, "switched", switched_from=before,
                            deadline=time.time() + confirm_within)
        started = time.monotonic()
        self.point_to(color)
        return (time.monotonic() - started) * 1000

    def confirm(self, identity: str) -> bool:
        """Stay on the new colour: the timer goes. Raises operation.Illegal after a revert."""
        moved = self.operation.move(identity, "confirmed")
        disarm(identity)
        return moved

    def revert(self, identity: str) -> bool:
        """Go back when this operation has switched and was not confirmed; else do nothing."""
        held = self.operation.current()
        if held is None or held["id"] != identity or held["state"] not in (
            "begun", "paused", "switched"
        ):
            return False
        if held["state"] == "switched":
            color = held["switched_from"]
            try:
                self.point_to(color)
            except haproxy.HaproxyError:
                # HAProxy is down: the file is right, and it is what HAProxy reads at its start.
                files.atomic_write(self.map_file, f"active {color}\n", 0o644)
        self.operation.move(identity, "reverted")
        disarm(identity)
        return bool(held["state"] == "switched")

    def recover(self) -> str:
        """After a boot: timers are gone. Go back when the time is up, else arm a new one."""
        held = self.operation.current()
        if held is None or held["state"] != "switched":
            return "nothing to recover"
        left = held["deadline"] - time.time()
        if left <= 0:
            self.revert(held["id"])
            return "the switch was never confirmed: back on the old colour"
        arm(held["id"], left)
        return f"a switch waits for its confirmation for another {left:.0f} s"


def unit(identity: str) -> str:
    """Return the name of the timer that an operation arms."""
    return f"dash-confirm-{identity[:8]}"


def arm(identity: str, seconds: float) -> None:
    """Arrange that the edge goes back in so many seconds, also without a controller."""
    disarm(identity)
    subprocess.run(
        [
            "systemd-run", "--quiet", "--collect", f"--unit={unit(identity)}",
            f"--on-active={seconds:.0f}s", "--timer-property=AccuracySec=100ms",
            f"--setenv=PYTHONPATH={LIBRARY}",
            "python3" if not Path(sys.executable).exists() else sys.executable, "-m", EDGECTL,
            "revert", "--id", identity,
        ],
        check=True, capture_output=True, timeout=20,
    )


def disarm(identity: str) -> None:
    """Take the timer away; fine when there is none, or when it is what runs us."""
    subprocess.run(["systemctl", "stop", f"{unit(identity)}.timer"], check=False,
                   capture_output=True, timeout=20)
