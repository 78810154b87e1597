"""What of an edge outlives a controller: the timer that takes it back, the eye on its neighbours.

Both are transient units (`systemd-run`), named after the operation.
"""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.dash.platform.plugins.module_utils import paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, last_line

EDGECTL = "ansible_collections.dash.platform.plugins.module_utils.edgectl"
TIMEOUT = 20  # seconds for one word with systemd
# Tried again until it is done: going back is what clients wait for.
AGAIN = ("Restart=on-failure", "RestartSec=2", "StartLimitIntervalSec=0")
SERVICE = (*AGAIN, "RuntimeMaxSec=30")


class NotArmed(Fault):
    """There is no timer, so the traffic must not move; `str()` is one line."""


def unit(identity: str) -> str:
    """Return the name of the timer that an operation arms."""
    return f"dash-confirm-{identity[:8]}"


def follower(identity: str) -> str:
    """Return the name of the unit that looks after the neighbours during an operation."""
    return f"dash-follow-{identity[:8]}"


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
        *_edgectl("revert", identity),
    ]


def _edgectl(verb: str, identity: str) -> list[str]:
    python = sys.executable or "python3"
    return [f"--setenv=PYTHONPATH={paths.LIBRARY}", python, "-m", EDGECTL, verb, "--id", identity]


def arm(identity: str, seconds: float) -> None:
    """Arm the timer of an operation, anew when there is one. Raises NotArmed."""
    disarm(identity)
    _run(command(identity, seconds), "arm the timer that takes the edge back")


def follow(identity: str) -> None:
    """Have an eye kept on the neighbours until an operation is settled. Raises NotArmed.

    It ends by itself. One that runs already is left alone: it is the same.
    """
    name = f"{follower(identity)}.service"
    if _systemctl("is-active", "--quiet", name):
        return
    _systemctl("stop", name)  # one that waits to be tried again would be in the way
    words = ["systemd-run", "--quiet", "--collect", f"--unit={follower(identity)}"]
    words += [f"--property={p}" for p in AGAIN]
    _run([*words, *_edgectl("follow", identity)], "have an eye kept on the other edges")


def _run(words: list[str], what: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        why = last_line(done.stderr) or f"it ended with {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"{type(error).__name__}"
    else:
        if not done.returncode:
            return
    raise NotArmed(f"systemd-run cannot {what}: {why}")


def disarm(identity: str) -> None:
    """Take the timer away; fine when there is none, or when it is what runs us.

    Should it stay all the same, it finds nothing to go back from.
    """
    _systemctl("stop", f"{unit(identity)}.timer")


def _systemctl(*words: str) -> bool:
    """Tell whether systemd says yes."""
    try:
        done = subprocess.run(
            ["systemctl", *words], capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return not done.returncode
