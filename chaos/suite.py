"""Experiments one after the other, each a process of its own: `chaos run`, as by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from chaos import leftovers, metadata, permission
from chaos.client import ROOT, Client, directory_of, read_inventory, stack_name
from chaos.faults import Journal
from chaos.lock import Lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from chaos.client import Stack

PASSED, SKIPPED = "passed", "skipped"
FORWARDED = (signal.SIGINT, signal.SIGTERM)
Document = dict[str, Any]


def run(names: Sequence[str], *, as_json: bool = False) -> int:
    """Run experiments and print a line of each; 0 when all that could be run passed.

    Raises:
        BadExperiment: there is none of that name, or it does not say what it must.
        Refused: the stack does not allow it.
    """
    known = {name: metadata.of(metadata.load(name)) for name in names}
    stack = read_inventory(stack_name())
    permission.check(stack, permission.why())
    progress = sys.stderr if as_json else sys.stdout
    records: list[Document] = []
    with _Stopping() as stopping:
        for number, (name, about) in enumerate(known.items(), start=1):
            if stopping.asked:
                break
            _say(f"{number}/{len(known)} {name}: about {about.takes} s", progress)
            records.append(_one(name, stack, stopping))
            _say(f"    {records[-1]['line']}", progress)
    counts = Counter(str(record["outcome"]) for record in records)
    line = ", ".join(f"{n} {word}" for word, n in sorted(counts.items())) or "nothing was run"
    code = 0 if counts and not counts.keys() - {PASSED, SKIPPED} else 1
    outcome = "failed" if code else "done"
    document = {"outcome": outcome, "exit_code": code, "line": line, "records": records}
    _say(json.dumps(document, indent=1) if as_json else line)
    return code


def _one(name: str, stack: Stack, stopping: _Stopping) -> Document:
    """Run one experiment to its end; return its record, or what stands for one."""
    runs = stack.directory / "chaos" / "runs"
    scratch = stack.directory / "chaos" / "last"
    scratch.mkdir(parents=True, exist_ok=True)
    before = set(runs.glob(f"*-{name}"))
    output = scratch / f"{os.getpid()}.log"  # not one for all: who is refused would empty it
    with output.open("wb") as log:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("chaos")), "--no-version-check",
                "--no-log-file", "run", "--journal-path", os.devnull,  # the run keeps its own
                f"chaos/experiments/{name}.yaml",
            ],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            process_group=0,  # Ctrl-C is passed on once, not twice
        )  # fmt: skip
        stopping.process = process
        code = process.wait()
        stopping.process = None
    log_file = output.replace(scratch / "output.log")
    for directory in sorted(set(runs.glob(f"*-{name}")) - before):
        if (directory / "record.json").exists():
            document: Document = json.loads((directory / "record.json").read_text("utf-8"))
            return document
    return {"outcome": "failed", "line": f"{name}: {_reason(log_file, code)}"}


def _reason(log: Path, code: int) -> str:
    """Return the line of chaostoolkit's output that says why there is no record."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    said = [line for line in lines if "CRITICAL" in line or "ERROR" in line]
    if said:
        return said[0].rpartition("] ")[2] or said[0]
    return f"chaos run ended with {code}: see {log}"


class _Stopping:
    """Passes the first Ctrl-C on, after which nothing more is begun."""

    def __init__(self) -> None:
        self.asked = False
        self.process: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in FORWARDED:
            self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:  # it undoes: a second one would end that
            return
        self.asked = True
        _say("    interrupted: it is undone first", sys.stderr)
        if self.process is not None:
            self.process.send_signal(number)


def undo(name: str = "", *, quiet: bool = False) -> int:
    """Undo what is left of runs that are gone, or the one fault that is named.

    Raises:
        LockedError: a run is at it, and undoes its own.
        JournalError: a fault cannot be read.
        WorldError: the stack cannot be.
    """
    directory = directory_of(os.environ) / "chaos"
    journal = Journal(directory / "faults")
    known = journal.read()
    faults = [fault for fault in known if fault.id == name or (not name and fault.holder.gone)]
    if not faults:
        if not quiet:
            _say(f"there is no fault {name}" if name else "nothing is left to undo")
        return 1 if name else 0
    with Lock(directory / "lock"):
        undone, left = leftovers.undo(Client(read_inventory(stack_name())), journal, faults)
    for line in [*undone, *left]:
        _say(line)
    return 1 if left else 0


def show(*, as_json: bool) -> int:
    """Print what every experiment claims, and how it ended last."""
    rows = [_row(name, directory_of(os.environ) / "chaos" / "runs") for name in metadata.names()]
    if as_json:
        _say(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        alerts = ", ".join(row["alerts"]) or "no alert"
        _say(f"{row['name']}: {row['title']}")
        _say(f"    {row['group']}, weight {row['weight']}, {alerts}; {row['last']}")
    return 0


def _row(name: str, runs: Path) -> Document:
    experiment = metadata.load(name)
    about = metadata.of(experiment)
    last = "never run here"
    for directory in sorted(runs.glob(f"*-{name}"), reverse=True):
        try:
            document = json.loads((directory / "record.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(document["started"]))
        last = f"{document['outcome']} on {when}"
        break
    return {
        "name": name, "title": experiment["title"], "group": about.group, "weight": about.weight,
        "alerts": list(about.alerts), "takes": about.takes, "last": last,
    }  # fmt: skip


def _say(line: str, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    stream.write(f"{line}\n")
    stream.flush()
