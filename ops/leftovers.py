"""What a run of chaos or load that was killed left behind goes before anything else is done."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.session import Session

PATIENCE = 300  # seconds


@dataclass(frozen=True)
class _Kind:
    """What is left: files in the stack's directory, and the program of ours that undoes it."""

    name: str
    files: str
    program: tuple[str, ...]


KINDS = (
    _Kind("chaos", "chaos/faults/*.json", ("chaos", "undo", "--quiet")),
    _Kind("load", "load/accounts.json", ("loadtests", "clear")),
)


def undo(session: Session) -> None:
    """Undo it and say so. Nothing is started while nothing is left, which is nearly always.

    What cannot be undone is said and left: the verb may be the one that mends it.
    """
    for kind in KINDS:
        if any(session.state_dir.glob(kind.files)):
            _undo(session, kind)


def _undo(session: Session, kind: _Kind) -> None:
    words = ["-m", *kind.program]
    try:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=session.root,
            env=session.programs(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        typed = " ".join(kind.program[:2])
        lines = [f"{typed} had no end within {PATIENCE} s: type python -m {typed}"]
    else:
        lines = (done.stdout + done.stderr).strip().splitlines()
    for line in lines:
        said = line.removeprefix(f"{kind.name}: ")
        session.err.print(f"{kind.name}: {said}", markup=False, highlight=False, soft_wrap=True)
