"""The verb chaos: break the stack on purpose, and see what that does to clients."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands import options
from ops.console import UsageError


def chaos(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            help="An experiment, prove (what a deploy may ask for), or all; none: a list.",
            metavar="NAME",
        ),
    ] = None,
    *,
    report: Annotated[bool, typer.Option("--report", help="Then the score and a report.")] = False,
    why: options.Why = "",
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Break the stack on purpose, undo it, and tell what it did to clients: `chaos run`."""
    from ops import attached, leftovers

    session = options.session(ctx, stack, json=json, yes=yes)
    leftovers.undo(session)
    as_json = ["--json"] if session.json else []
    if name is None:
        return attached.run(session, "chaos", ["report"] if report else ["list", *as_json])
    if session.stack == "production" and not why:
        raise UsageError("chaos in production needs a reason: add --why")
    session.confirm(f"break ({name}), on purpose,")
    code = attached.run(session, "chaos", ["run", name, *as_json], DASH_CHAOS_WHY=why)
    return max(code, attached.run(session, "chaos", ["report"])) if report else code
