"""Verbs that only look: status, history, diff."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands import options

if TYPE_CHECKING:
    from ops.session import Session


def status(ctx: typer.Context, *, stack: options.Stack = None, json: options.Json = False) -> None:
    """Tell what runs where."""
    from ops import looking, monitor, view

    session = options.session(ctx, stack, json=json)
    facts = looking.ask(session)["facts"]
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
    from ops import looking, view

    session = options.session(ctx, stack, json=json)
    entries = list(reversed(looking.ask(session)["ledger"]))[:limit]
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
    from ops import looking, view

    session = options.session(ctx, stack, json=json)
    ledger = looking.ask(session)["ledger"]
    document = view.difference(view.entry_of(ledger, a), view.entry_of(ledger, b))
    document["commits"] = _commits(session, document["a"]["git_sha"], document["b"]["git_sha"])
    session.show(document, "\n".join(view.difference_lines(document, document["commits"])))


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
