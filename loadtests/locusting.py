"""Locust as a process: started, told to stop, waited for, and what it left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtests.target import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from loadtests.shapes import Shape

MEASURED, LOG = "measured.json", "locust.log"
GRACE = 300.0  # seconds beyond the shape: accounts are made and removed, users end what they do
DYING = 30.0
ONE_PROCESS = 60  # users that one process carries easily
COULD_NOT_BEGIN = 2  # of listeners


@dataclass(frozen=True)
class Left:
    """What locust left: its document, or why there is none."""

    code: int
    document: dict[str, Any] | None = None
    why: str = ""


def processes(shape: Shape, cpus: int) -> int:
    """Return how many processes send a shape: no more than there are cores."""
    most = max(stage.copies for stage in shape.stages) * shape.mix.users
    return 1 if most <= ONE_PROCESS or shape.sides else min(2, max(1, cpus))


def command(shape: str, folder: Path, many: int, words: Sequence[str] = ()) -> list[str]:
    """Return what is run: what people type by hand, with the folder for what it measured."""
    return [
        *(sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless"),
        *("--shape", shape, "--result", str(folder / MEASURED)),
        *(("--processes", str(many)) if many > 1 else ()),
        *words,
    ]


def run(argv: Sequence[str], folder: Path, seconds: float) -> Left:
    """Run locust to its end; an interrupt ends it early, and it still says what it measured."""
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,  # it hears of an interrupt once, from here
        )  # fmt: skip
        with _passing_on(process):
            late = _late(process, seconds + GRACE)
    if late:
        return Left(process.returncode, why=f"locust did not end within {seconds + GRACE:.0f} s")
    return read(folder, process.returncode)


def read(folder: Path, code: int) -> Left:
    """Return what locust left in a folder."""
    try:
        document = json.loads((folder / MEASURED).read_text("utf-8"))
    except (OSError, ValueError):
        return Left(code, why=_last(folder / LOG) or f"locust ended with {code} and said nothing")
    return Left(code, document)


def _last(log: Path) -> str:
    """Return the line of a log that says what is wrong: our own, else the last."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    own = [line.removeprefix("load: ") for line in lines if line.startswith("load: ")]
    said = own or [line for line in lines if line]
    return said[-1] if said else ""


def _late(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
    else:
        return False
    try:
        process.wait(DYING)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return True


@contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass the first interrupt on: from a terminal and from `./dash` two may come."""
    told: list[int] = []

    def tell(number: int, _frame: object) -> None:
        if not told and process.poll() is None:
            process.send_signal(signal.SIGINT)
        told.append(number)

    before = {each: signal.signal(each, tell) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
