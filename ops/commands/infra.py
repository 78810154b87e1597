"""The verb for what lies under a stack on AWS: `infra bootstrap` and `infra check`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands import options
from ops.console import ExitCode, UsageError

if TYPE_CHECKING:
    from ops.session import Session


class What(StrEnum):
    """What is to be done."""

    BOOTSTRAP = "bootstrap"
    CHECK = "check"


def infra(
    ctx: typer.Context,
    what: Annotated[
        What, typer.Argument(help="bootstrap: make the state's bucket, keys. check: the rules.")
    ],
    *,
    stack: options.Stack = None,
    json: options.Json = False,
    yes: options.Yes = False,
) -> ExitCode:
    """Prepare an AWS account for a stack, or hold its preview against the rules."""
    session = options.session(ctx, stack, json=json, yes=yes)
    if session.provider != "aws":
        raise UsageError(
            f"stack {session.stack} is on {session.provider}: there is nothing to do. Next: "
            "./dash --stack staging infra " + what
        )
    return _bootstrap(session) if what == What.BOOTSTRAP else _check(session)


def _bootstrap(session: Session) -> ExitCode:
    """Make the state's bucket and key, the ssh key and an empty stack unless they are there."""
    from ops import bucket, pulumi, state

    session.confirm("make the bucket, the key and the ssh key of")
    names = session.names
    settings = state.settings(names)
    for name in ("account", "region"):
        if name not in settings:
            raise UsageError(f"{state.file(names).name} lacks dash:{name}: say it there")
    made = bucket.Bootstrap(names, settings["account"], settings["region"])
    made.run()
    pulumi.environment(names, lambda line: session.progress.print(line, markup=False))
    pulumi.select(names)  # this too writes into the file that is committed
    done = f"made {', '.join(made.done)}" if made.done else "all was there"
    line = f"{done}; the state of {session.stack} lies in {made.url}"
    session.show({"outcome": "done", "exit_code": ExitCode.DONE, "line": line}, line)
    return ExitCode.DONE


def _check(session: Session) -> ExitCode:
    """Hold what `pulumi up` would make against the rules; nothing is changed."""
    import subprocess
    import sys

    from ops import pulumi, state
    from ops.console import UserError

    state.required(session.names)
    done = subprocess.run(
        [sys.executable, "-m", "infra.policy"],
        input=pulumi.preview_document(session.names),
        cwd=session.root, text=True, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise UserError((done.stderr.strip().splitlines() or ["the rules gave no answer"])[-1])
    code = ExitCode.FAILED if done.returncode else ExitCode.DONE
    *found, line = done.stdout.strip().splitlines()
    outcome = "failed" if found else "done"
    document = {"outcome": outcome, "exit_code": code, "line": line, "findings": found}
    session.show(document, "\n".join([*found, line]))
    return code
