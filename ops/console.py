"""What the operator sees: one line a step with its time, one line for an error, exit codes."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

NAME_WIDTH = 10  # of the column of step names


class ExitCode(IntEnum):
    """What `./dash` ends with (contract)."""

    DONE = 0
    FAILED = 1  # and nothing changed for clients
    USAGE = 2
    ROLLED_BACK = 3
    DECISION = 4


class UserError(Exception):
    """Something the operator can mend: one line that says what is wrong and what to type next.

    Args:
        line: the whole message.
        code: what `./dash` exits with.
    """

    def __init__(self, line: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(line)
        self.line = line
        self.code = code


class UsageError(UserError):
    """The command line or the environment is wrong: exit code 2."""

    def __init__(self, line: str) -> None:
        super().__init__(line, ExitCode.USAGE)


def seconds(value: float) -> str:
    """Return a duration for people: `0.4 s`, `34 s`, `5 min 12 s`."""
    if value < 10:  # noqa: PLR2004 -- below ten seconds the tenth tells something
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"  # noqa: PLR2004 -- a minute's seconds


@dataclass(frozen=True)
class Timings:
    """How long each step took last time, in `timings.json`: step name to seconds."""

    path: Path

    def last(self, step: str) -> float | None:
        """Return the seconds that the step took last time, or None."""
        value = self._read().get(step)
        return float(value) if isinstance(value, int | float) else None

    def record(self, step: str, took: float) -> None:
        """Keep the step's seconds; what others wrote into the file stays."""
        document = {**self._read(), step: round(took, 1)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")
        temporary.replace(self.path)

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


@dataclass
class Step:
    """One step while it runs; a terminal shows it with a clock that moves."""

    name: str
    doing: str
    last: float | None
    started: float = field(default_factory=time.monotonic)
    note: str = ""
    detail: str = ""

    def tell(self, line: str) -> None:
        """Say what the step does just now; seen on a terminal only."""
        self.detail = line.strip() or self.detail

    @property
    def took(self) -> float:
        """Return the seconds since the step began."""
        return time.monotonic() - self.started

    @property
    def before(self) -> str:
        """Return how long it took last time, in words, or nothing."""
        return "" if self.last is None else f", last time {seconds(self.last)}"

    def __rich__(self) -> Text:
        """Render the line of a running step."""
        line = Text("… ", style="cyan", no_wrap=True, overflow="ellipsis")
        line.append(f"{self.name:<{NAME_WIDTH}} ", style="bold")
        line.append(f"{self.doing} ({seconds(self.took)}{self.before}) ")
        return line.append(self.detail, style="dim")


@dataclass(frozen=True)
class Steps:
    """Prints one line for each step: mark, name, result, time, time of the last run."""

    console: Console
    timings: Timings
    verb: str

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[Step]:
        """Run the body as the step `name`; `doing` says in a few words what it does.

        The body may set `note` on the yielded step: what came of it. An exception marks the step
        as failed and goes on; its reason is the error line's business.
        """
        step = Step(name, doing, self.timings.last(f"{self.verb} {name}"))
        try:
            with self._shown(step):
                yield step
        except BaseException:
            self._print("✗", "red", step, f"failed after {seconds(step.took)}", "")
            raise
        self.timings.record(f"{self.verb} {name}", step.took)
        self._print("✓", "green", step, step.note or doing, f"({seconds(step.took)}{step.before})")

    @contextmanager
    def running(self, name: str, doing: str, *, shown: bool = True) -> Iterator[Step]:
        """Show that the body runs and keep its time, without a line at its end."""
        step = Step(name, doing, self.timings.last(f"{self.verb} {name}"))
        with self._shown(step) if shown else nullcontext():
            yield step
        self.timings.record(f"{self.verb} {name}", step.took)

    @contextmanager
    def _shown(self, step: Step) -> Iterator[None]:
        """Show the running step: with a clock on a terminal, by one line elsewhere."""
        if self.console.is_terminal:
            with Live(step, console=self.console, transient=True, refresh_per_second=4):
                yield
        else:
            before = f" (last time {seconds(step.last)})" if step.last is not None else ""
            self._print("…", "", step, f"{step.doing}{before}", "")
            yield

    def _print(self, mark: str, style: str, step: Step, text: str, times: str) -> None:
        line = Text(f"{mark} ", style=style).append(f"{step.name:<{NAME_WIDTH}} ", style="bold")
        self.console.print(
            line.append(text, style="default").append(f" {times}", style="dim"), soft_wrap=True
        )
