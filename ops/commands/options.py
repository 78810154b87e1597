"""Options that many verbs share, and how a verb learns what was given before it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from ops.console import UsageError
from ops.session import Session
from ops.variables import stack_name

Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        show_default=False,
        help="lab, staging or production (default: DASH_STACK, else lab).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before production changes.")]
Plan = Annotated[bool, typer.Option("--plan", help="Say what would happen; change nothing.")]
Why = Annotated[str, typer.Option("--why", help="A reason for the ledger.", show_default=False)]
From = Annotated[
    str | None, typer.Option("--from", metavar="STACK", help="Release what STACK runs.")
]
Force = Annotated[bool, typer.Option("--force", help="Bring back what is quarantined.")]


@dataclass(frozen=True)
class Given:
    """What stood before the verb."""

    stack: str | None = None
    json: bool = False
    yes: bool = False


def session(
    ctx: typer.Context, stack: str | None = None, *, json: bool = False, yes: bool = False
) -> Session:
    """Return the session of this run: what stands after the verb wins over what stands before it.

    Raises:
        UsageError: there is no such stack.
    """
    given: Given = ctx.obj or Given()
    if name := stack or given.stack:
        name = stack_name(name)
    return Session(
        stack=name or os.environ.get("DASH_STACK") or "lab",
        environ=dict(os.environ),
        json=json or given.json,
        yes=yes or given.yes,
    )


def source(from_stack: str | None, session: Session) -> str:
    """Return the stack whose release is to be taken, "" for none.

    Raises:
        UsageError: there is no such stack, or it is the one to release to.
    """
    if from_stack is None:
        return ""
    if stack_name(from_stack, "--from") == session.stack:
        raise UsageError(f"--from {from_stack}: that is the stack to release to; name another one")
    return from_stack
