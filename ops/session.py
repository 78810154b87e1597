"""What every verb needs to know: the stack, where its files lie, how to talk to the operator."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.console import Console

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack, addressed
from ops import variables
from ops.console import Steps, Timings, UsageError, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

ROOT = Path(__file__).resolve().parent.parent
KEPT_LOGS = 60
FILE_WIDTH = 160  # columns of a table that goes into a file or a pipe


def console(file: TextIO) -> Console:
    """Return a console on a stream; what is no terminal gets wide lines, not folded ones."""
    return Console(file=file, width=None if file.isatty() else FILE_WIDTH)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One run of `./dash` against one stack."""

    stack: str
    environ: Mapping[str, str]
    json: bool = False
    yes: bool = False
    root: Path = field(default_factory=lambda: ROOT)
    out: Console = field(default_factory=lambda: console(sys.stdout))
    err: Console = field(default_factory=lambda: console(sys.stderr))

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Return the session of a program that is told its stack by the environment alone.

        Raises:
            UsageError: a variable of ours is none that there is.
        """
        variables.check(environ)
        return cls(stack=environ.get("DASH_STACK") or "lab", environ=dict(environ))

    @property
    def names(self) -> Stack:
        """Return the stack's names: directories, containers, ports."""
        return Stack(self.root, self.stack, self.environ.get("DASH_LAB") or "")

    @property
    def state_dir(self) -> Path:
        """Return the directory that holds all this stack leaves on this machine."""
        return self.names.directory

    @property
    def exists(self) -> bool:
        """Tell whether Pulumi knows the stack: it was up, or half up, and was not taken down."""
        from ops import state  # noqa: PLC0415 -- not every verb needs it

        stacks = self.state_dir / "pulumi" / ".pulumi" / "stacks"
        return any(stacks.rglob(f"{self.stack}.json")) or bool(state.shared(self.names))

    @property
    def overridden(self) -> bool:
        """Tell whether the command line has said settings of the stack."""
        return (self.state_dir / "overrides.json").exists()

    @property
    def provider(self) -> str:
        """Return where the stack's hosts come from: podman or aws."""
        if self.overridden:
            kept = self.read("overrides.json").get("provider")
            if kept:
                return str(kept)
        path = self.root / "infra" / "stacks" / f"Pulumi.{self.stack}.yaml"
        text = path.read_text("utf-8") if path.exists() else ""
        found = re.search(r"^\s*dash:provider:\s*['\"]?(\w+)", text, re.MULTILINE)
        return found[1] if found else ""

    @property
    def monitors(self) -> int:
        """Return how many monitors the stack's settings give it."""
        from ops import state  # noqa: PLC0415 -- not every verb needs it

        said = state.settings(self.names).get("monitor_hosts", "1")
        return int(said) if said.isdecimal() else 1  # what cannot be is refused by Pulumi's program

    def address(self, service: str, number: int = 1) -> str:
        """Return where this machine reaches a service: http, https, preview, the n-th grafana, ….

        In a cloud the public ones have the stack's domain. The others come to this machine by ssh,
        to the same ports that a lab has (`./dash open --forward`).
        """
        scheme = "http" if service == "http" else "https"
        if self.provider == "aws" and service in ("http", "https"):
            from ops import state  # noqa: PLC0415 -- not every verb needs it

            return f"{scheme}://{state.settings(self.names).get('domain', 'localhost')}"
        return f"{scheme}://127.0.0.1:{self.names.port(service, number)}"

    def programs(self) -> dict[str, str]:
        """Return the environment in which pulumi, ansible and podman work on this stack."""
        from ops import pulumi  # noqa: PLC0415 -- not every verb needs it

        return pulumi.environment(self.names)

    @property
    def progress(self) -> Console:
        """Return where progress is shown: with `--json`, standard output is for the document."""
        return self.err if self.json else self.out

    def steps(self, verb: str) -> Steps:
        """Return a printer of the verb's steps that remembers how long each took."""
        return Steps(self.progress, Timings(self.state_dir / "timings.json"), verb)

    def log(self, verb: str) -> Path:
        """Return the path of a new log for this run of the verb; the oldest ones go."""
        logs = self.state_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for old in sorted(logs.glob("2*"))[:-KEPT_LOGS]:
            old.unlink(missing_ok=True)
        return logs / f"{time.strftime('%Y%m%dT%H%M%S')}-{verb}.log"

    def scratch_log(self, verb: str) -> Path:
        """Return the path of the one log of a verb that only looks, emptied."""
        log = self.state_dir / "logs" / f"last-{verb}.log"
        for file in log.parent.glob(f"{log.stem}.*"):
            file.unlink()
        return log

    def confirm(self, what: str) -> None:
        """Ask before production is changed; other stacks are not asked about.

        Args:
            what: what will happen, as it completes "This will ...".

        Raises:
            UsageError: nobody is there to ask, or the answer was no.
        """
        if self.stack != "production" or self.yes:
            return
        if not sys.stdin.isatty():
            raise UsageError(f"this would {what} production and nobody is here to ask: add --yes")
        answer = self.err.input(f"This will {what} [bold]production[/bold]. Type yes to go on: ")
        if answer.strip() != "yes":
            raise UsageError("stopped: nothing was changed")

    def show(self, document: Mapping[str, Any], human: RenderableType) -> None:
        """Print the document with `--json`, else what a person reads."""
        if self.json:
            named = {"line": addressed(document["line"], self.stack)} if "line" in document else {}
            text = json.dumps({**document, **named}, indent=2, sort_keys=True)
            self.out.out(text, highlight=False)
        elif isinstance(human, str):
            self.out.out(addressed(human, self.stack), highlight=False)
        else:
            self.out.print(human)

    def read(self, name: str) -> dict[str, Any]:
        """Return a JSON document of the state directory.

        Raises:
            UserError: it is missing or broken.
        """
        path = self.state_dir / name
        try:
            document = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {error}") from error
        if not isinstance(document, dict):
            raise UserError(f"{path} holds no JSON object")
        return document
