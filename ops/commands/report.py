"""Verbs that only look: status, history, diff."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands import options
from ops.console import UserError

if TYPE_CHECKING:
    from ops.session import Session


def status(ctx: typer.Context, *, stack: options.Stack = None, json: options.Json = False) -> None:
    """Tell what runs where."""
    from ops import monitor, view

    session = options.session(ctx, stack, json=json)
    facts = ask(session)["facts"]
    document = {**view.status(session.stack, facts), "budget": monitor.budget(session)}
    session.show(document, view.status_table(document))


def history(
    ctx: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest entries.")] = 20,
    stack: options.Stack = None,
    json: options.Json = False,
) -> None:
    """Show the ledger: who released what, when, why, and how it went."""
    from ops import view

    session = options.session(ctx, stack, json=json)
    entries = list(reversed(ask(session)["ledger"]))[:limit]
    human: Any = view.history_table(entries) if entries else "nothing was released yet"
    session.show({"stack": session.stack, "entries": entries}, human)


def diff(
    ctx: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A version.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another version.")],
    *,
    stack: options.Stack = None,
    json: options.Json = False,
) -> None:
    """Compare two released versions: code, configuration, migrations."""
    from ops import view

    session = options.session(ctx, stack, json=json)
    ledger = ask(session)["ledger"]
    document = view.difference(view.entry_of(ledger, a), view.entry_of(ledger, b))
    document["commits"] = _commits(session, document["a"]["git_sha"], document["b"]["git_sha"])
    session.show(document, "\n".join(view.difference_lines(document, document["commits"])))


def ask(session: Session) -> dict[str, Any]:
    """Ask all hosts of the stack what they run.

    Raises:
        UserError: the stack is not up, or the play failed.
    """
    from ops import leftovers, playbook

    leftovers.undo(session)
    path = session.state_dir / "status.json"
    path.unlink(missing_ok=True)
    with session.err.status("asking the hosts"):
        played = playbook.play(session, "status", log=session.scratch_log("status"))
    if not path.exists():
        played.check()
        raise UserError(f"{session.stack} has no hosts: type ./dash --stack {session.stack} up")
    return session.read("status.json")


def _commits(session: Session, a: str | None, b: str | None) -> list[str]:
    """Return the subjects of the commits from a to b, newest first; [] where git cannot tell."""
    if not a or not b or a == b:
        return []
    done = subprocess.run(
        ["git", "log", "--oneline", "-20", f"{a}..{b}", "--"],
        cwd=session.root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines() if done.returncode == 0 else []
