"""Run a playbook the way an operator would by hand, and say in one line how it ended."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import process
from ops.console import ExitCode, UserError
from ops.events import Events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ops.session import Session

ANSI = re.compile(r"\x1b\[[0-9;]*m")
MESSAGE = re.compile(r'"msg": "((?:[^"\\]|\\.)*)"')
ERROR_LINE = re.compile(r"^\s*(fatal: |failed: |ERROR! |\[ERROR\]: |✗ )")
MARK = re.compile(r"^(ERROR! |\[ERROR\]: )")
UNREACHABLE = 4  # what ansible-playbook exits with


@dataclass(frozen=True)
class Played:
    """A playbook that ended: how, and where its whole output lies."""

    name: str
    finished: process.Finished
    log: Path
    events: Events

    @property
    def error(self) -> str:
        """Return the one line that tells best why it failed."""
        return (
            self.events.first_fault()
            or error_line(self.finished.lines)
            or f"ansible-playbook ended with {self.finished.code}"
        )

    def check(self) -> None:
        """Raise unless it succeeded.

        Raises:
            UserError: with the reason and the path of the log.
        """
        if self.finished.code:
            raise UserError(f"{self.name}: {self.error} (all of it: {self.log})")


@dataclass(frozen=True)
class Outcome:
    """What a release operation came to: the exit code of `./dash` and the last line."""

    exit_code: int
    line: str
    document: dict[str, Any] = field(default_factory=dict)


def play(
    session: Session,
    name: str,
    extra: Mapping[str, Any] | None = None,
    *,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Played:
    """Run `playbooks/<name>.yml` on the session's stack to its end.

    Args:
        session: names the stack.
        name: the playbook, without directory and ending.
        extra: extra variables; handed over in a file that only this user can read.
        log: where the output goes (default: a log of its own).
        on_line: called with each line of output.
        tell: called with the name of each task as it begins.
    """
    log = log or session.log(name)
    events = Events(log.with_suffix(f".{name}.events"))

    def look() -> None:
        if tell is not None and (doing := events.now()):
            tell(doing)

    env = {
        **session.programs(),
        "ANSIBLE_STDOUT_CALLBACK": "dash.platform.progress",
        "ANSIBLE_DASH_EVENTS": str(events.path),
        "ANSIBLE_DASH_TIMINGS": str(session.state_dir / "timings.json"),
        "ANSIBLE_NOCOLOR": "1",
    }
    with _variables(extra or {}, session.state_dir) as variables:
        finished = process.run(
            command(session, name, variables),
            cwd=session.root,
            env=env,
            log=log,
            on_line=on_line,
            on_look=look,
        )
    return Played(name, finished, log, events)


def command(session: Session, name: str, variables: Path | None) -> list[str]:
    """Return the command line that plays `name` on the session's stack."""
    ansible = Path(sys.executable).with_name("ansible-playbook")
    argv = [str(ansible), f"playbooks/{name}.yml", "-i", f"inventories/{session.stack}"]
    return [*argv, "-e", f"@{variables}"] if variables else argv


def operate(session: Session, name: str, extra: Mapping[str, Any] | None = None) -> Outcome:
    """Run a playbook that releases or switches, showing its lines; return how it ended."""
    with session.steps(name).running(name, f"on {session.stack}") as step:

        def show(line: str) -> None:
            session.progress.out(line, highlight=False)

        return operate_quietly(
            session, name, extra or {}, log=session.log(name), on_line=show, tell=step.tell
        )


def operate_quietly(
    session: Session,
    name: str,
    extra: Mapping[str, Any],
    *,
    log: Path,
    on_line: Callable[[str], None] | None = None,
    tell: Callable[[str], None],
) -> Outcome:
    """Run a playbook that releases or switches; return how it ended.

    The play writes `operation.json`; one that is not newer than this run says nothing about it.

    Args:
        session: names the stack.
        name: the playbook.
        extra: extra variables.
        log: where the output goes.
        on_line: called with each line of output.
        tell: called with the name of each task as it begins.
    """
    path = session.state_dir / "operation.json"
    before = _identity(path)
    played = play(session, name, extra, log=log, on_line=on_line, tell=tell)
    document = session.read(path.name) if _identity(path) not in (before, None) else None
    return outcome(played, document)


def outcome(played: Played, document: dict[str, Any] | None) -> Outcome:
    """Map how a playbook ended, and what it recorded, to an exit code and a line."""
    code, log = played.finished.code, f"(all of it: {played.log})"
    if document is not None:
        result = Outcome(int(document["exit_code"]), str(document["line"]), document)
        if code and result.exit_code == ExitCode.DONE:
            line = f"{result.line}; but then {played.error} {log}"
            return Outcome(ExitCode.FAILED, line, document)
        return result
    if played.finished.interrupted:
        return Outcome(
            ExitCode.FAILED,
            "interrupted: the next deploy, rollback, switch or abort finishes or undoes it, the "
            f"edges undo a switch alone; ./dash status tells what serves {log}",
        )
    if code:
        return Outcome(ExitCode.FAILED, f"{played.error} {log}")
    return Outcome(
        ExitCode.FAILED, f"{played.name} ended without an outcome: type ./dash doctor {log}"
    )


def error_line(lines: list[str]) -> str:
    """Return the one line of a playbook's output that tells best why it failed, or nothing."""
    clean = [ANSI.sub("", line).rstrip() for line in lines]
    marked = [line for line in clean if ERROR_LINE.match(line)]
    spoken = marked or [line for line in clean if line.strip()][-1:]
    if not spoken:
        return ""
    line = MARK.sub("", spoken[-1].strip())
    if message := MESSAGE.search(line):
        text = json.loads(f'"{message[1]}"').strip().splitlines()
        return text[0] if text else line
    return line


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what changes when the file is written anew."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns


@contextmanager
def _variables(extra: Mapping[str, Any], directory: Path) -> Iterator[Path | None]:
    """Yield a file with the extra variables (mode 0600) while the body runs."""
    if not extra:
        yield None
        return
    directory.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="vars-", suffix=".json", dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(dict(extra), file)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
