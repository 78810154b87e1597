"""The verb load: ask as much of the stack as many agents do, and hold it against thresholds."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ops.commands import options
from ops.console import UsageError


class Judged(StrEnum):
    """Whose release is judged."""

    ACTIVE = "active"
    IDLE = "idle"


def load(
    ctx: typer.Context,
    shape: Annotated[
        str | None,
        typer.Argument(help="How much, over time; without it they are listed.", metavar="SHAPE"),
    ] = None,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Make this run what later ones are held against.")
    ] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Of the client (by the shape).", show_default=False)
    ] = None,
    judged: Annotated[
        Judged, typer.Option(help="Of compare: the release that is held against the other's.")
    ] = Judged.ACTIVE,
    stack: options.Stack = None,
    json: options.Json = False,
) -> int:
    """Load the stack and judge it: 0 passed, 1 a threshold missed, 4 the client was too slow."""
    from ops import attached, comparing, leftovers

    session = options.session(ctx, stack, json=json)
    as_json = ["--json"] if session.json else []
    if shape is None:
        return attached.run(session, "loadtests", ["list", *as_json])
    leftovers.undo(session)  # what chaos left broken would be measured
    if shape == comparing.SHAPE:
        if keep or processes:
            raise UsageError("compare takes neither --keep nor --processes: it is its own baseline")
        return comparing.run(session, judged)
    words = ["run", shape, *as_json]
    words += ["--keep"] if keep else []
    words += ["--processes", str(processes)] if processes else []
    return attached.run(session, "loadtests", words)
