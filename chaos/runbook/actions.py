"""Do what a runbook says, as the operator who was paged would."""

from __future__ import annotations

import subprocess
import time

from chaos import runbook, running
from chaos.client import ROOT, WorldError

__all__ = ["follow"]

ONE = 300.0  # seconds for one command


def follow(name: str, within: float, alert: str = "") -> list[str]:
    """Run a runbook's commands, and wait until its alert is over and every answer is good.

    Args:
        name: of the runbook.
        within: seconds after the last command.
        alert: whose runbook it is, where the page has another name.

    Raises:
        WorldError: a command failed, or they do not mend it.
    """
    run, alert = running.current(), alert or name
    lines = runbook.commands(name, run.watch.labels.get(alert, {}) if run.watch else {})
    kept = {"name": name, "commands": lines, "mended": False}
    run.notes["runbook"] = kept
    for line in lines:
        done = subprocess.run(
            ["/bin/bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False,
            timeout=ONE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise WorldError(f"{line}: ended with {done.returncode}: {said[-1]}")
    end = time.monotonic() + within
    while time.monotonic() < end:
        if run.well([alert]):
            kept["mended"] = True
            return lines
        time.sleep(0.5)
    raise WorldError(f"{'; '.join(lines)}: {alert} is still told, or answers are bad")
