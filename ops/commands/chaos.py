"""The verb chaos: break the stack on purpose, and see what that does to clients."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands import options
from ops.console import ExitCode, UsageError

if TYPE_CHECKING:
    from ops.session import Session


def chaos(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="An experiment, or all; without it they are listed.", metavar="NAME"),
    ] = None,
    *,
    report: Annotated[bool, typer.Option("--report", help="Then the score and a report.")] = False,
    why: options.Why = "",
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Break the stack on purpose, undo it, and tell what it did to clients: `chaos run`."""
    from ops import leftovers

    session = options.session(ctx, stack, json=json, yes=yes)
    leftovers.undo(session)
    as_json = ["--json"] if session.json else []
    if name is None:
        return _run(session, ["report"] if report else ["list", *as_json])
    if session.stack == "production" and not why:
        raise UsageError("chaos in production needs a reason: add --why")
    session.confirm(f"break ({name}), on purpose,")
    code = _run(session, ["run", name, *as_json], DASH_CHAOS_WHY=why)
    return max(code, _run(session, ["report"])) if report else code


def _run(session: Session, words: list[str], **variables: str) -> int:
    """Run `python -m chaos` to its end: Ctrl-C reaches it, and it undoes what it did."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos", *words],
        cwd=session.root,
        env={**session.programs(), **{k: v for k, v in variables.items() if v}},
        stdin=subprocess.DEVNULL,
    )
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:  # in a terminal it has heard it too: it passes the first on
            process.send_signal(signal.SIGINT)
    return process.returncode if process.returncode in set(ExitCode) else ExitCode.FAILED
