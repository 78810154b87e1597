"""Run a program with its output in a log, so that Ctrl-C reaches it and it can clean up."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import FrameType, TracebackType

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY = 0.1  # seconds between two looks at the log
GRACE = 60  # seconds to clean up after an interrupt because of the budget


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit code, its lines, whether a signal or its budget ended it."""

    code: int
    lines: list[str]
    interrupted: bool
    out_of_time: bool = False


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    on_line: Callable[[str], None] | None = None,
    on_look: Callable[[], None] | None = None,
    budget: float | None = None,
) -> Finished:
    """Run `argv` to its end in a process group of its own.

    It writes into the log itself, not into a pipe of ours: should this process be killed, a deploy
    still comes to its end. SIGINT, SIGTERM and SIGHUP are passed on to the group once, so that the
    program can undo what it did; a second one kills the group.

    Args:
        argv: program and arguments.
        cwd: where it runs.
        env: its whole environment.
        log: standard output and error are appended here.
        on_line: called with each line of them.
        on_look: called ten times a second meanwhile.
        budget: seconds after which it is interrupted, and a minute later killed.

    Raises:
        FileNotFoundError: there is no such program.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with log.open("ab") as out, log.open(encoding="utf-8", errors="replace") as tail:
        tail.seek(0, os.SEEK_END)
        with _Forwarding() as forwarding:
            process = forwarding.start(argv, cwd, env, out.fileno())
            rest, limit = "", _Limit(budget)
            while True:
                limit.look(forwarding)
                ended = process.poll() is not None
                rest = _take(rest + tail.read(), lines, on_line)
                if on_look is not None:
                    on_look()
                if ended:
                    break
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_EVERY)
            if rest:
                _take(rest + "\n", lines, on_line)
    return Finished(process.returncode, lines, bool(forwarding.received), limit.reached)


def _take(text: str, lines: list[str], on_line: Callable[[str], None] | None) -> str:
    """Add the whole lines of `text` to `lines`; return what follows the last of them."""
    *whole, rest = text.split("\n")
    for line in whole:
        lines.append(line)
        if on_line is not None:
            on_line(line)
    return rest


class _Limit:
    """Interrupts a program whose time is up, and kills it when it does not end."""

    def __init__(self, budget: float | None) -> None:
        self.reached = False
        self._at = math.inf if budget is None else time.monotonic() + budget

    def look(self, forwarding: _Forwarding) -> None:
        """Compare the clock with what is due next."""
        if time.monotonic() >= self._at:
            forwarding.send(signal.SIGKILL if self.reached else signal.SIGINT)
            self.reached, self._at = True, time.monotonic() + GRACE


@dataclass
class _Forwarding:
    """Passes signals on to a process group while it is entered."""

    received: list[int] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None
    _before: dict[int, object] = field(default_factory=dict)

    def start(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], out: int
    ) -> subprocess.Popen[bytes]:
        """Start the program; a signal that came just before is passed on at once."""
        self._process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            process_group=0,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        if self.received:
            self.send(self.received[0])
        return self._process

    def send(self, number: int) -> None:
        """Send a signal to the whole group, if it is still there."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
        self.send(number if len(self.received) == 1 else signal.SIGKILL)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in FORWARDED:
                self._before[number] = signal.signal(number, self._forward)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.send(signal.SIGKILL)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal returned
