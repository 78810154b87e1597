"""What a chaos run that is gone has left broken is undone before anything else is done."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.session import Session

PATIENCE = 300  # seconds


def undo(session: Session) -> None:
    """Undo it and say so. Nothing is started while nothing is left, which is nearly always.

    What cannot be undone is said and left: the verb may be the one that mends it.
    """
    if not any((session.state_dir / "chaos" / "faults").glob("*.json")):
        return
    try:
        done = subprocess.run(
            [sys.executable, "-m", "chaos", "undo", "--quiet"],
            cwd=session.root,
            env=session.programs(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        lines = [f"chaos undo had no end within {PATIENCE} s: type python -m chaos undo"]
    else:
        lines = (done.stdout + done.stderr).strip().splitlines()
    for line in lines:
        session.err.print(f"chaos: {line}", markup=False, highlight=False, soft_wrap=True)
