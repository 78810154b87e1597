"""A program of ours that talks to the operator itself, run to its end."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from ops.console import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.session import Session


def run(
    session: Session,
    module: str,
    words: Sequence[str],
    *,
    says: bool = True,
    **variables: str,
) -> int:
    """Run `python -m MODULE` to its end: Ctrl-C reaches it, and it undoes what it did."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=session.root,
        env={**session.programs(), **{k: v for k, v in variables.items() if v}},
        stdin=subprocess.DEVNULL,
        stdout=None if says else subprocess.DEVNULL,
    )
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:  # in a terminal it has heard it too: it passes the first on
            process.send_signal(signal.SIGINT)
    return process.returncode if process.returncode in set(ExitCode) else ExitCode.FAILED
