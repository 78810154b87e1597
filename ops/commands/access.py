"""Verbs that reach into the stack: logs, shell, open, user, key, session, audit."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from ansible_collections.dash.platform.plugins.module_utils.stack import watching
from ops.commands import options
from ops.console import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.session import Session

UNITS = {
    "app": "dash-app.service",
    "edge": "haproxy.service",
    "db": "postgresql@*",
    "monitor": "prometheus*",
}
PUBLISHED = ("http", "https", "preview")
MOST_LINES = 5000  # of one request
LOOKS_ONLY = ("list", "show", "status")
HELP = ("--help", "-h")


def shell(
    ctx: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST")],
    command: Annotated[
        list[str] | None, typer.Argument(help="Run this there, after --.", show_default=False)
    ] = None,
    *,
    stack: options.Stack = None,
) -> None:
    """Open a shell on a host over ssh."""
    from ops import inventory

    session = options.session(ctx, stack)
    argv = inventory.ssh(inventory.pick(inventory.hosts(session), host))
    _become([*argv, *(["--", shlex.join(command)] if command else [])])


def logs(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Argument(help="Default: app and edge.")] = None,
    *,
    request: Annotated[
        str | None,
        typer.Option(metavar="ID", help="All lines of one request, of every host, from Loki."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last.")] = 50,
    stack: options.Stack = None,
) -> int:
    """Show the service's and the edge's log lines."""
    from ops import follow as follower
    from ops import inventory

    session = options.session(ctx, stack)
    if request is not None:
        return _of_request(session, request, host, follow=follow)
    found = inventory.hosts(session)
    chosen = (
        {host: inventory.pick(found, host)}
        if host
        else {
            name: each for name, each in found.items() if each.get("dash_role") in ("app", "edge")
        }
    )
    commands = {
        name: [*inventory.ssh(each), journal(str(each.get("dash_role")), lines, follow)]
        for name, each in sorted(chosen.items())
    }
    return follower.follow(commands, session.out)


def _of_request(session: Session, request: str, host: str | None, *, follow: bool) -> int:
    """Print what every host said of a request."""
    from ops import lines as loki

    if host or follow:
        raise UserError("--request takes neither a host nor --follow", ExitCode.USAGE)
    found = loki.ask(session, loki.of_request(request), MOST_LINES)
    if not found:
        raise UserError(
            f"no line names {request} in {loki.DAYS} days; lines take up to 5 s to arrive"
        )
    session.out.print("\n".join(map(str, found)), markup=False, highlight=False, soft_wrap=True)
    return ExitCode.DONE


def journal(role: str, lines: int, follow: bool) -> str:  # noqa: FBT001 -- as the option says it
    """Return the remote command that shows the journal of a host's service."""
    unit = shlex.quote(UNITS.get(role, UNITS["app"]))
    rest = " --follow" if follow else ""
    return f"sudo journalctl --no-pager --quiet --output short-iso -n {lines} -u {unit}{rest}"


def open_(
    ctx: typer.Context,
    *,
    forward: Annotated[
        bool, typer.Option("--forward", help="Bring preview and monitor here until Ctrl-C.")
    ] = False,
    stack: options.Stack = None,
    json: options.Json = False,
) -> int:
    """Print the addresses, and where the certificate and the passwords are."""
    session = options.session(ctx, stack, json=json)
    document = addresses(session)
    session.show(document, lines(document))
    return _forward(session) if forward else ExitCode.DONE


def _forward(session: Session) -> int:
    """Keep preview and monitor at ports of this machine until somebody ends it."""
    from ops import forward, inventory

    if session.provider != "aws":
        raise UserError(f"{session.stack} is published on this machine: nothing is to be brought")
    wanted = {"preview": ("preview", 1), **watching(max(1, session.monitors))}
    local = {name: session.names.port(*of) for name, of in wanted.items()}
    ways = forward.ways(inventory.hosts(session), local)
    with suppress(KeyboardInterrupt):
        forward.keep([forward.Way(**way) for way in ways], os.getppid())
    return ExitCode.DONE


def lines(document: dict[str, str]) -> str:
    """Return addresses and files for people, one a line."""
    width = max(10, *map(len, document))
    return "\n".join(f"{name:<{width}} {value}" for name, value in document.items())


def addresses(session: Session) -> dict[str, str]:
    """Return what a person needs to open the stack: addresses and files, by name."""
    from ops import monitor

    service = session.address("https")
    found = {
        "service": service,
        "preview": session.address("preview"),
        "http": session.address("http"),
        "ca": str(session.state_dir / "ca.pem"),
        "passwords": str(session.state_dir / "secrets"),
        "try": f"curl --cacert {shlex.quote(str(session.state_dir / 'ca.pem'))} {service}/healthz",
    }
    if session.provider == "aws":  # its certificate is the world's
        found["try"] = f"curl {service}/healthz"
        found["forward"] = (
            f"./dash --stack {session.stack} open --forward, for what is on 127.0.0.1"
        )
    watch = watching(max(1, session.monitors)) if monitor.present(session) else {}
    for name, (program, number) in watch.items():
        password = session.state_dir / "secrets" / f"{program}_password"
        address = session.address(program, number)
        if password.is_file():
            found[name] = f"{address} (user {monitor.USER}, password in {password})"
    if "grafana" in found and monitor.faceless(session):
        for name in (n for n in watch if n.startswith("grafana")):
            found[name] += "; API only: this build has no pages for a browser"
    return found


def service(noun: str, words: str) -> Callable[..., int]:
    """Return the verb that hands what follows it to `python -m app NOUN` on an app host."""

    def verb(
        ctx: typer.Context,
        *,
        stack: options.Stack = None,
        json: options.Json = False,
        yes: options.Yes = False,
    ) -> int:
        return _app(options.session(ctx, stack, json=json, yes=yes), [noun, *ctx.args])

    verb.__doc__ = f"{words}: what follows goes to `python -m app {noun}` on an app host."
    return verb


def _app(session: Session, argv: list[str]) -> int:
    """Run the service's own command line on an app host and print what it says."""
    from ops import asking

    if session.json:
        argv = [*argv, "--json"]  # the document is the service's own
    if not set(argv[1:2]) & set(LOOKS_ONLY) and not set(argv) & set(HELP):
        session.confirm(f"run {' '.join(argv[:2])} on")
    with session.err.status("asking the service"):
        (answer,) = asking.ask(session, [argv])
    for console, text in ((session.out, answer.stdout), (session.err, answer.stderr)):
        if text.rstrip():
            console.out(text.rstrip(), highlight=False)
    known = {0: ExitCode.DONE, 2: ExitCode.USAGE, 4: ExitCode.DECISION}
    return known.get(answer.rc, ExitCode.FAILED)


def _become(argv: list[str]) -> None:
    """Turn this process into another program, which owns the terminal from then on."""
    os.execvp(argv[0], argv)  # noqa: S606 -- no shell: a list of words
