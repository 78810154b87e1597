"""`./dash`: the verbs, and how a mistake or a failure is said in one line."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from typer.exceptions import Abort, TyperException

from ansible_collections.dash.platform.plugins.module_utils.stack import STACKS, addressed
from ops import session, variables
from ops.commands import access, chaos, hosts, infra, load, machine, options, release, report
from ops.console import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
STACK, RELEASES, LOOKS = "The stack", "Releases", "Looking"
ACCESS, PROOFS, MACHINE = "Who may come in", "Proofs", "This machine"
VERBS: tuple[tuple[str, Callable[..., Any], str, dict[str, Any]], ...] = (
    ("up", hosts.up, STACK, {}),
    ("provision", hosts.provision, STACK, {}),
    ("configure", hosts.configure, STACK, {}),
    ("down", hosts.down, STACK, {}),
    ("infra", infra.infra, STACK, {}),
    ("deploy", release.deploy, RELEASES, {}),
    ("rollback", release.rollback, RELEASES, {}),
    ("switch", release.switch, RELEASES, {}),
    ("promote", release.promote, RELEASES, {}),
    ("abort", release.abort, RELEASES, {}),
    ("migrate", release.migrate, RELEASES, {}),
    ("status", report.status, LOOKS, {}),
    ("history", report.history, LOOKS, {}),
    ("diff", report.diff, LOOKS, {}),
    ("logs", access.logs, LOOKS, {}),
    ("shell", access.shell, LOOKS, {}),
    ("open", access.open_, LOOKS, {}),
    *(
        (noun, access.service(noun, words), ACCESS, PASS_ON)
        for noun, words in (
            ("user", "Make, list and change accounts"),
            ("key", "Make, list, limit and revoke API keys"),
            ("session", "See and end where people are signed in"),
            ("audit", "See who did what"),
            ("llm", "See, open and close the breakers of providers"),
        )
    ),
    ("chaos", chaos.chaos, PROOFS, {}),
    ("load", load.load, PROOFS, {}),
    ("doctor", machine.doctor, MACHINE, {}),
    ("env", machine.env, MACHINE, {}),
    ("test", machine.run_tests, MACHINE, PASS_ON),
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def before(
    ctx: typer.Context,
    *,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> None:
    """Dash: a service in production on plain hosts, released so that no client notices."""
    ctx.obj = options.Given(stack, json, yes)


for _name, _verb, _panel, _settings in VERBS:
    app.command(_name, rich_help_panel=_panel, context_settings=dict(_settings))(_verb)


def main(argv: list[str]) -> int:
    """Run one verb and return the exit code of `./dash`."""
    try:
        variables.check(os.environ)
        result = typer.main.get_command(app).main(
            args=argv, prog_name="./dash", standalone_mode=False
        )
    except UserError as error:
        return _fail(argv, error.line, error.code)
    except TyperException as error:
        return _fail(argv, _usage(error), ExitCode.USAGE)
    except (KeyboardInterrupt, Abort):
        return _fail(argv, "interrupted", ExitCode.FAILED)
    except BrokenPipeError:  # `./dash history | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception as error:  # noqa: BLE001 -- the last resort: one line, the rest in a file
        return _fail(argv, _unexpected(error, _stack(argv)), ExitCode.FAILED)
    return int(result or 0)


def _stack(argv: list[str]) -> str:
    """Return the stack that a command line is about, also one that could not be read to its end."""
    said = re.findall(r"--stack[ =](\S+)", " ".join(argv))
    found = said[-1] if said else os.environ.get("DASH_STACK", "")
    return found if found in STACKS else "lab"


def _usage(error: TyperException) -> str:
    """Return what is wrong with the command line, and where help is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "./dash"
    return f"{error.format_message().rstrip('.')}: see {path} --help"


def _unexpected(error: Exception, stack: str) -> str:
    """Keep the traceback in a file and return a line that names it."""
    logs: Path = session.ROOT / ".dash" / stack / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{time.strftime('%Y%m%dT%H%M%S')}-error.log"
    log.write_text("".join(traceback.format_exception(error)), "utf-8")
    reason = str(error).strip().partition("\n")[0]
    return f"unexpected {type(error).__name__}: {reason} (all of it: {log})"


def _fail(argv: list[str], line: str, code: ExitCode) -> int:
    """Say what went wrong in one line, as a document with `--json`; return the exit code."""
    line = addressed(line, _stack(argv))
    if "--json" in argv:
        document = {"outcome": "failed", "exit_code": int(code), "line": line}
        sys.stdout.write(json.dumps(document) + "\n")
    Console(stderr=True).print(
        f"dash: {line}", style="red", markup=False, highlight=False, soft_wrap=True
    )
    return int(code)
