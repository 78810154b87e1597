"""Have the objectives judged over minutes for as long as an experiment lasts."""

from __future__ import annotations

import subprocess
import sys

from chaos import levers, rules
from chaos.client import ROOT, WorldError

__all__ = ["restore_windows", "shorten_windows"]

MONITOR = "monitor-1"
FILE = f"{rules.DIRECTORY}/slo_scaled.yml"


def shorten_windows(by: int, host: str = MONITOR) -> None:
    """Load the rules of burn rates once more, with windows divided, beside the real ones."""
    made = subprocess.run(
        [sys.executable, "-m", "monitoring", "scaled", str(by)],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if made.returncode:
        raise WorldError(f"python -m monitoring scaled {by}: {made.stderr.strip()}")
    levers.do(
        restore_windows, {"host": host}, host=host, mend=rules.take(FILE),
        what=f"objectives on {host} judged {by} times as fast",
        script=rules.put(FILE, made.stdout),
    )  # fmt: skip


def restore_windows(host: str = MONITOR) -> None:
    """Have the objectives judged by the real rules alone."""
    levers.undo_on(host, restore_windows, rules.take(FILE))
