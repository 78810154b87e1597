"""Verbs about this machine: doctor, env, test."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ansible_collections.dash.platform.plugins.module_utils.stack import addressed
from ops.commands import options
from ops.console import ExitCode, UserError

if TYPE_CHECKING:
    from ops.doctor import Check
    from ops.session import Session

SHELL_VARIABLES = (
    "PATH",
    "PYTHONPATH",
    "PULUMI_",
    "ANSIBLE_",
    "DASH_",
    "CONTAINERS_CONF",
    "VIRTUAL_ENV",
)


def doctor(ctx: typer.Context, *, stack: options.Stack = None, json: options.Json = False) -> int:
    """Tell what is missing or broken, each with the command that mends it."""
    from ops import doctor as look
    from ops import tools

    session = options.session(ctx, stack, json=json)
    checks = [look.python(), look.packages(), look.disk(session.state_dir)]
    if session.provider == "podman":
        checks.append(look.podman(tools.cache().with_name("containers.conf")))
    if session.provider == "aws":
        from ops import doctor_aws

        checks += doctor_aws.checks(session)
    checks += [look.memory(Path("/proc/meminfo").read_text("ascii")), look.clock(session.root)]
    checks += _stack(session)
    checks = [replace(check, mend=addressed(check.mend, session.stack)) for check in checks]
    document = look.document(session.stack, checks)
    session.show(document, look.table(checks))
    return ExitCode.FAILED if document["broken"] else ExitCode.DONE


def _stack(session: Session) -> list[Check]:
    """Look at the ports, podman and the hosts of the stack."""
    from ops import doctor as look
    from ops import looking
    from ops.commands import access

    up = f"./dash --stack {session.stack} up"
    wanted = {name: session.names.port(name) for name in access.PUBLISHED}
    if session.provider != "podman":
        wanted = {}  # nothing of it is published on this machine
    if not session.exists:
        return [*look.ports(wanted, ours=False), look.Check("stack", look.Level.NOTE, "not up", up)]
    try:
        facts = looking.ask(session)["facts"]
    except UserError as error:
        return [look.Check("stack", look.Level.BROKEN, error.line, up)]
    return [*look.ports(wanted, ours=True), *look.hosts(facts)]


def env(ctx: typer.Context, *, stack: options.Stack = None) -> None:
    """Print shell lines for work by hand: eval "$(./dash env)"."""
    session = options.session(ctx, stack)
    (session.state_dir / "pulumi").mkdir(parents=True, exist_ok=True)  # pulumi wants its backend
    for line in export_lines(session.programs(), session):
        session.out.out(line, highlight=False)


def export_lines(environment: dict[str, str], session: Session) -> list[str]:
    """Return `export` lines for what differs from this process's environment or is Dash's own."""
    wanted = {
        **{k: v for k, v in environment.items() if k.startswith(SHELL_VARIABLES)},
        "DASH_STACK": session.stack,
        "ANSIBLE_INVENTORY": str(session.root / "inventories" / session.stack),
        "ANSIBLE_CONFIG": str(session.root / "ansible.cfg"),
        "VIRTUAL_ENV": sys.prefix,
    }
    first = str(Path(sys.prefix) / "bin")
    folders = wanted.get("PATH", os.environ.get("PATH", "")).split(os.pathsep)
    wanted["PATH"] = os.pathsep.join([first, *(folder for folder in folders if folder != first)])
    return [f"export {name}={shlex.quote(value)}" for name, value in sorted(wanted.items())]


def run_tests(
    ctx: typer.Context,
    suite: Annotated[
        list[str] | None,
        typer.Argument(help="lint, unit, integration, infra, roles, e2e; all without a name."),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="The long matrices too.")] = False,
) -> int:
    """Run the tests."""
    from ops import testing

    return testing.main([*(suite or []), *(["--all"] if every else []), *ctx.args])
