"""Verbs that make, shape and remove the hosts: up, provision, configure, down."""

from __future__ import annotations

import json as encoder
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands import access, options
from ops.console import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ops.session import Session


FORGET = object()  # a setting that the stack's file is to say again


class Provider(StrEnum):
    """Where hosts come from."""

    PODMAN = "podman"
    AWS = "aws"


AppHosts = Annotated[
    int | None, typer.Option(min=1, max=9, metavar="N", help="Per colour; kept for this stack.")
]
EdgeHosts = Annotated[
    int | None, typer.Option(min=1, max=9, metavar="N", help="In front; kept for this stack.")
]
MonitorHosts = Annotated[
    int | None, typer.Option(min=1, max=9, metavar="N", help="That watch; kept for this stack.")
]


def up(  # noqa: PLR0913 -- one parameter for each option
    ctx: typer.Context,
    *,
    core: Annotated[
        bool | None,
        typer.Option(
            "--core/--no-core", help="Only what serves, without a monitor; kept for this stack."
        ),
    ] = None,
    provider: Annotated[
        Provider | None, typer.Option(help="Where hosts come from; kept for this stack.")
    ] = None,
    app_hosts: AppHosts = None,
    edge_hosts: EdgeHosts = None,
    monitor_hosts: MonitorHosts = None,
    from_stack: options.From = None,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> None:
    """Bring everything up from nothing; again: repair, and change nothing when nothing is due."""
    from ops import bootstrap

    session = options.session(ctx, stack, json=json, yes=yes)
    source = options.source(from_stack, session)
    session.confirm("bring up")
    if core and monitor_hosts:
        raise UsageError("--core is without a monitor, and --monitor-hosts asks for some")
    monitors = monitor_hosts or {True: 0, False: FORGET, None: None}[core]
    override(
        session,
        provider=provider,
        app_hosts=app_hosts,
        edge_hosts=edge_hosts,
        monitor_hosts=monitors,
    )
    line = bootstrap.up(session, source)
    found = access.addresses(session)
    human = access.lines(found)
    document = {"outcome": "done", "exit_code": ExitCode.DONE, "line": line, "addresses": found}
    session.show(document, f"{human}\n{line}")


def provision(
    ctx: typer.Context,
    *,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> None:
    """Make the hosts: `pulumi up`."""
    from ops import bootstrap

    session = options.session(ctx, stack, json=json, yes=yes)
    session.confirm("change the hosts of")
    run = bootstrap.Run.start(session, "provision")
    run.machine()
    run.tools()
    line = run.hosts()
    session.show({"outcome": "done", "exit_code": ExitCode.DONE, "line": line}, line)


def configure(
    ctx: typer.Context,
    *,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> None:
    """Configure the hosts with all roles: `ansible-playbook playbooks/site.yml`."""
    from ops import bootstrap

    session = options.session(ctx, stack, json=json, yes=yes)
    session.confirm("configure the hosts of")
    line = bootstrap.Run.start(session, "configure").configure()
    session.show({"outcome": "done", "exit_code": ExitCode.DONE, "line": line}, line)


def down(
    ctx: typer.Context,
    *,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove images and caches of this user too.")
    ] = False,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> None:
    """Remove the stack: hosts, network, state; caches stay."""
    from ops import teardown

    session = options.session(ctx, stack, json=json, yes=yes)
    session.confirm("remove")
    line = teardown.down(session, purge=purge)
    session.show({"outcome": "done", "exit_code": ExitCode.DONE, "line": line}, line)


def override(session: Session, **settings: object) -> dict[str, Any]:
    """Keep stack settings given on the command line in `overrides.json`; return all of them.

    Raises:
        UserError: the file is there and cannot be read.
        UsageError: the stack is a team's, whose settings stand in the repository.
    """
    from ops import state

    path: Path = session.state_dir / "overrides.json"
    kept = session.read(path.name) if path.exists() else {}
    given = {name: value for name, value in settings.items() if value is not None}
    wanted = {name: value for name, value in (kept | given).items() if value is not FORGET}
    said = sorted(given.keys() - {"provider"})
    if said and wanted.get("provider") != "podman" and state.shared(session.names):
        raise UsageError(
            f"{session.stack} is a team's: a colleague's provision undoes what this machine alone "
            f"knows. Next: say dash:{said[0]} in {state.file(session.names).name} and commit it"
        )
    if wanted != kept:
        kept = wanted
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(encoder.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    return kept
