"""The timer that takes an edge back when nobody confirmed a switch (`systemd-run`)."""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.dash.platform.plugins.module_utils import paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, last_line

EDGECTL = "ansible_collections.dash.platform.plugins.module_utils.edgectl"
TIMEOUT = 20  # seconds for one word with systemd
# Tried again until it is done: going back is what clients wait for.
SERVICE = ("Restart=on-failure", "RestartSec=2", "StartLimitIntervalSec=0", "RuntimeMaxSec=30")


class NotArmed(Fault):
    """There is no timer, so the traffic must not move; `str()` is one line."""


def unit(identity: str) -> str:
    """Return the name of the timer that an operation arms."""
    return f"dash-confirm-{identity[:8]}"


def command(identity: str, seconds: float) -> list[str]:
    """Return what arms the timer: the edge goes back in so many seconds, without a controller."""
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={unit(identity)}",
        f"--on-active={max(seconds, 0.1):.1f}s",
        "--timer-property=AccuracySec=100ms",
        *(f"--property={p}" for p in SERVICE),
        f"--setenv=PYTHONPATH={paths.LIBRARY}",
        sys.executable or "python3",
        "-m",
        EDGECTL,
        "revert",
        "--id",
        identity,
    ]


def arm(identity: str, seconds: float) -> None:
    """Arm the timer of an operation, anew when there is one. Raises NotArmed."""
    disarm(identity)
    try:
        done = subprocess.run(
            command(identity, seconds), capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        why = last_line(done.stderr) or f"it ended with {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"{type(error).__name__}"
    else:
        if not done.returncode:
            return
    raise NotArmed(f"systemd-run cannot arm the timer that takes the edge back: {why}")


def disarm(identity: str) -> None:
    """Take the timer away; fine when there is none, or when it is what runs us.

    Should it stay all the same, it finds nothing to go back from.
    """
    try:
        subprocess.run(
            ["systemctl", "stop", f"{unit(identity)}.timer"],
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
