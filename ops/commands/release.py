"""Verbs that change what serves: deploy, rollback, switch, promote, abort, migrate."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 -- typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ansible_collections.dash.platform.plugins.module_utils.stack import addressed
from ops.commands import options
from ops.console import ExitCode, UsageError

if TYPE_CHECKING:
    from ops.session import Session


class Reason(StrEnum):
    """Why a release is rolled back; a figure of every later report."""

    BUG = "bug"
    PERFORMANCE = "performance"
    SECURITY = "security"
    DATA = "data"
    OTHER = "other"


class Prove(StrEnum):
    """What a release must stand besides its proof on the preview address."""

    CHAOS = "chaos"
    LOAD = "load"


class Color(StrEnum):
    """The two halves of the application hosts."""

    BLUE = "blue"
    GREEN = "green"


def deploy(  # noqa: PLR0913 -- one parameter for each option
    ctx: typer.Context,
    *,
    plan: options.Plan = False,
    artifact: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Release this ready artifact.")
    ] = None,
    from_stack: options.From = None,
    why: Annotated[
        str, typer.Option("--why", "--reason", help="A reason for the ledger.", show_default=False)
    ] = "",
    force: options.Force = False,
    watch: Annotated[
        int | None,
        typer.Option(min=0, metavar="SECONDS", help="How long to watch after the switch."),
    ] = None,
    prove: Annotated[
        Prove | None,
        typer.Option(help="What it must stand besides, on the idle colour, before it serves."),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(min=0, metavar="HOURS", help="How long releases stay fit to return to."),
    ] = None,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Release this checkout to the idle colour, prove it, switch, watch, record."""
    session = options.session(ctx, stack, json=json, yes=yes)
    extra = {
        "dash_artifact": _artifact(artifact),
        "dash_from": _source(from_stack, session, artifact),
        "dash_why": why,
        "dash_plan_only": plan,
        "dash_force": force,
        "dash_prove": prove.value if prove else None,
        "dash_watch_seconds": watch,
        "dash_window_hours": window,
    }
    return _operate(session, "deploy", extra, "deploy to", plan=plan)


def rollback(  # noqa: PLR0913 -- one parameter for each option
    ctx: typer.Context,
    *,
    to_version: Annotated[
        str, typer.Option(metavar="V", help="Default: the one before.", show_default=False)
    ] = "",
    reason: Annotated[Reason, typer.Option(help="Kind of trouble, for the ledger.")] = Reason.OTHER,
    why: options.Why = "",
    plan: options.Plan = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Run down steps that lose rows.")
    ] = False,
    force: options.Force = False,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Return to a kept release: code, schema and configuration."""
    session = options.session(ctx, stack, json=json, yes=yes)
    extra = {
        "dash_to_version": to_version.removeprefix("v"),
        "dash_reason": reason.value,
        "dash_why": why,
        "dash_plan_only": plan,
        "dash_accept_loss": accept_loss,
        "dash_force": force,
    }
    return _operate(session, "rollback", extra, "roll back", plan=plan)


def switch(
    ctx: typer.Context,
    color: Annotated[
        Color | None, typer.Argument(help="Default: the other one.", show_default=False)
    ] = None,
    *,
    why: options.Why = "",
    force: options.Force = False,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Move the traffic to the other colour, and nothing else."""
    session = options.session(ctx, stack, json=json, yes=yes)
    extra = {
        "dash_color_wanted": color.value if color else "",
        "dash_why": why,
        "dash_force": force,
    }
    return _operate(session, "switch", extra, "switch the traffic of")


def promote(
    ctx: typer.Context,
    *,
    why: options.Why = "",
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Answer a paused deploy: go on with it."""
    session = options.session(ctx, stack, json=json, yes=yes)
    return _operate(session, "promote", {"dash_why": why}, "promote the paused deploy to")


def abort(
    ctx: typer.Context,
    *,
    why: options.Why = "",
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Answer a paused deploy: undo it."""
    session = options.session(ctx, stack, json=json, yes=yes)
    return _operate(session, "abort", {"dash_why": why}, "abort the paused deploy to")


def migrate(
    ctx: typer.Context,
    *,
    plan: options.Plan = False,
    why: options.Why = "",
    window: Annotated[
        int | None,
        typer.Option(min=0, metavar="HOURS", help="How long releases stay fit to return to."),
    ] = None,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> int:
    """Run the contract steps that deploys hold back."""
    session = options.session(ctx, stack, json=json, yes=yes)
    extra = {"dash_plan_only": plan, "dash_why": why, "dash_window_hours": window}
    return _operate(session, "migrate", extra, "run held migrations on", plan=plan)


def _operate(
    session: Session, name: str, extra: dict[str, Any], what: str, *, plan: bool = False
) -> int:
    """Play `name`, print its last line or document, return the exit code of `./dash`."""
    from ops import leftovers, playbook

    leftovers.undo(session)
    if not plan:
        session.confirm(what)
    unset = (None, "")  # not 0, which an operator may mean
    wanted = {k: v for k, v in extra.items() if v is not False and v not in unset}
    outcome = playbook.operate(session, name, wanted)
    if session.json:
        failed = {
            "kind": name,
            "outcome": "failed",
            "exit_code": outcome.exit_code,
            "line": outcome.line,
        }
        session.show(outcome.document or failed, "")
    else:
        console = session.err if outcome.exit_code == ExitCode.FAILED else session.out
        console.out(addressed(outcome.line, session.stack), highlight=False)
    return outcome.exit_code


def _artifact(path: Path | None) -> str:
    if path is None:
        return ""
    if not path.is_file():
        raise UsageError(
            f"--artifact: there is no file {path}: .dash/<stack>/artifacts/ keeps them"
        )
    return str(path.resolve())


def _source(from_stack: str | None, session: Session, artifact: Path | None) -> str:
    if from_stack is not None and artifact is not None:
        raise UsageError("--artifact and --from both say what to release: give one of them")
    return options.source(from_stack, session)
