"""One run: locust, then the server's side of it, then result, report and the exit code."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtests import baseline, locusting, prometheus, result, shapes, target
from loadtests.judge import table
from loadtests.target import TargetError
from loadtests.thresholds import CODES

if TYPE_CHECKING:
    from loadtests.locusting import Left
    from loadtests.shapes import Shape
    from loadtests.target import Target

RESULT, PAGE = "result.json", "report.html"
COMPARISON = "comparison.json"  # left by whoever judges a comparison
USAGE, INCONCLUSIVE = 2, CODES["inconclusive"]


@dataclass(frozen=True)
class Wish:
    """What somebody wants to be run."""

    shape: str
    out: str = ""
    target: str = ""
    accounts: str = ""
    seconds: float = 0.0
    processes: int = 0
    judged: str = "active"
    keep: bool = False
    as_json: bool = False


def run(wish: Wish) -> int:
    """Run a shape; 0 passed, 1 a threshold was missed, 2 it could not begin, 4 inconclusive.

    Raises:
        ShapeError, TargetError: it could not begin.
    """
    shape, aim = shapes.find(wish.shape), target.load(wish.target)
    if wish.seconds:
        shape = shape.within(wish.seconds)
    folder = Path(wish.out) if wish.out else directory(aim, shape.name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / locusting.MEASURED).unlink(missing_ok=True)
    progress = sys.stderr if wish.as_json else sys.stdout
    progress.write(f"load {shape.name}: {shape.about}, {shape.seconds:.0f} s; log: {folder}\n")
    progress.flush()
    began = time.time()
    left = locusting.run(_command(wish, shape, folder), folder, shape.seconds)
    if left.document is None:
        return _nothing(left, folder, as_json=wish.as_json)
    document = assemble(left.document, aim, prometheus.busy(aim, began), keep=wish.keep)
    write(folder, document)
    code = CODES[document["verdict"]["outcome"]]
    if wish.as_json:
        sys.stdout.write(json.dumps(summary(document, folder), indent=1) + "\n")
    else:
        sys.stdout.write(f"{table(document)}\n{result.words(document)}\n")
        sys.stdout.write(f"report: {folder / PAGE}\n")
    return code


def _command(wish: Wish, shape: Shape, folder: Path) -> list[str]:
    many = wish.processes or locusting.processes(shape, os.cpu_count() or 1)
    words = [
        *(("--judged", wish.judged) if shape.sides else ()),
        *(("--target", wish.target) if wish.target else ()),
        *(("--accounts", wish.accounts) if wish.accounts else ()),
        *(("--seconds", str(wish.seconds)) if wish.seconds else ()),
    ]
    return locusting.command(shape.name, folder, many, words)


def directory(aim: Target, shape: str) -> Path:
    """Return where a run that begins now is kept."""
    return aim.folder / "runs" / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{shape}"


def assemble(
    measured: dict[str, Any], aim: Target, busy: float | None, *, keep: bool
) -> dict[str, Any]:
    """Return the whole result: what locust measured, the server's side, and what follows."""
    here = baseline.machine(aim)
    server, silent = prometheus.gather(aim, measured["began"], measured["ended"])
    document = result.of(measured, server, silent, here, prometheus.versions(server), busy=busy)
    file = baseline.path(aim, measured["shape"])
    document["baseline"] = baseline.compare(document, file)
    if keep:
        document["kept"] = baseline.keep(document, file)
    return document


def write(folder: Path, document: dict[str, Any]) -> None:
    """Leave the result and its report in the run's folder; what they were made of goes."""
    from loadtests.report import page  # noqa: PLC0415 -- pictures take a second to load

    (folder / RESULT).write_text(json.dumps(document) + "\n", "utf-8")
    page.write(folder / PAGE, document)
    (folder / locusting.MEASURED).unlink(missing_ok=True)


def report(folder: Path) -> int:
    """Write the report of a run again, with the judgement that was left beside its result.

    Raises:
        TargetError: there is no result that can be read.
    """
    from loadtests.report import page  # noqa: PLC0415 -- pictures take a second to load

    judged = folder / COMPARISON
    try:
        document = json.loads((folder / RESULT).read_text("utf-8"))
        found = json.loads(judged.read_text("utf-8")) if judged.exists() else None
    except (OSError, ValueError) as error:
        raise TargetError(f"{folder} has no result that can be read: {error}") from None
    page.write(folder / PAGE, document, found)
    sys.stdout.write(f"report: {folder / PAGE}\n")
    return CODES["passed"]


def summary(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the result for a program: the verdict, and where the rest is."""
    verdict = document["verdict"]
    return {
        "outcome": verdict["outcome"],
        "exit_code": CODES[verdict["outcome"]],
        "line": result.line(document),
        "why": verdict["why"],
        "result": str(folder / RESULT),
        "report": str(folder / PAGE),
    }


def _nothing(left: Left, folder: Path, *, as_json: bool) -> int:
    """Say why nothing is known; the service is not judged by it."""
    code = USAGE if left.code == locusting.COULD_NOT_BEGIN else INCONCLUSIVE
    line = f"{left.why} (all of it: {folder / locusting.LOG})"
    if as_json:
        said = {"outcome": "inconclusive", "exit_code": code, "line": line}
        sys.stdout.write(json.dumps(said, indent=1) + "\n")
    sys.stderr.write(f"load: {line}\n")
    return code
