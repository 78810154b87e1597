"""Time releases on a lab of their own, under load: `python -m tests.e2e.benchmark --runs 10`.

One round: deploy, rollback to the warm colour, deploy of a release with an expand step, deploy on
top of it, rollback --to-version of the kept, cold first release with the down migration. Prints a
table for docs/benchmarks.md and what the independent client saw; ends with 1 when a request failed
or anything that was open was lost. Figures are never asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.driver import Lab
from tests.e2e.independent_client import WRONG
from tests.e2e.variants import VARIANTS

if TYPE_CHECKING:
    from tests.e2e.driver import Done

COUNTED = (*WRONG, "sent", "sockets", "reconnects", "messages", "streams")
WATCH = "5"  # seconds; the watch window comes on top of every figure it is taken off


@dataclass
class Timings:
    """Seconds by the name of what was timed, in the order of the runs."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, value: float) -> None:
        """Keep one more."""
        self.seconds[name].append(value)

    def table(self) -> str:
        """Return a table in Markdown: what, runs, minimum, median, maximum."""
        lines = ["| what | runs | min | median | max |", "|---|---|---|---|---|"]
        for name, found in self.seconds.items():
            few = (min(found), statistics.median(found), max(found))
            figures = " | ".join(f"{x:.2f} s" for x in few)
            lines.append(f"| {name} | {len(found)} | {figures} |")
        return "\n".join(lines)


def events(lab: Lab) -> list[dict[str, Any]]:
    """Return what the newest command of the lab did, task by task."""
    newest = max((lab.directory / "logs").glob("*.events"), key=lambda p: p.stat().st_mtime)
    return [json.loads(line) for line in newest.read_text(encoding="utf-8").splitlines()]


def moment(done: list[dict[str, Any]], step: str, status: tuple[str, ...]) -> float:
    """Return when a step's last such event was, in epoch seconds."""
    return max(float(e["t"]) for e in done if e["step"] == step and e["status"] in status)


def note(timings: Timings, name: str, lab: Lab, done: Done) -> None:
    """Keep a command's figures."""
    seen = events(lab)
    began = next(e["t"] for e in seen if e["step"] == "7 switch" and e["host"] == "edge-1")
    switched = moment(seen, "7 switch", ("changed", "ok"))
    decided = next(e["t"] for e in seen if "Decide" in e["task"] and e["status"] == "ok")
    startup = done.seconds - (seen[-1]["t"] - seen[0]["t"])  # before the first task, nearly
    timings.add(f"{name}: typed to traffic switched", startup + switched - seen[0]["t"])
    timings.add(f"{name}: decided to traffic switched", switched - decided)
    timings.add(f"{name}: the switch step", switched - began)
    timings.add(f"{name}: the whole command", done.seconds)


def round_of(lab: Lab, artifacts: dict[str, dict[str, Any]], timings: Timings) -> None:
    """Run one round; every command must end with 0."""

    def deploy(name: str) -> Done:
        path = artifacts[name]["path"]
        return lab.ok("deploy", "--artifact", path, "--watch", WATCH, "--force")

    deploy("plain")
    note(timings, "deploy", lab, deploy("second"))
    note(timings, "rollback, warm", lab, lab.ok("rollback"))
    deploy("expand")
    deploy("third")
    cold = lab.ok("rollback", "--to-version", artifacts["plain"]["version"])
    note(timings, "rollback --to-version, cold, with a down step", lab, cold)


def words(total: Counter[str]) -> str:
    """Return what the independent client saw, for a person."""
    return (
        f"{total['failed']} of {total['sent']:,} requests failed, "
        f"{total['lost_sockets']} of {total['sockets']:,} sockets lost in "
        f"{total['reconnects']:,} reconnects, {total['lost_messages']} lost, "
        f"{total['doubled_messages']} doubled and {total['out_of_order']} out of order of "
        f"{total['messages']:,} messages, {total['broken_streams']} of {total['streams']:,} "
        "streams broken"
    )


def main() -> int:
    """Run the rounds and print the table; return 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    lab = Lab(os.environ.get("DASH_LAB", "bench"))
    timings, total = Timings(), Counter[str]()
    try:
        lab.ok("up")
        with tempfile.TemporaryDirectory() as directory:
            names = ("plain", "second", "third", "expand")
            artifacts = {n: lab.build(Path(directory) / n, VARIANTS[n]) for n in names}
            for number in range(1, runs + 1):
                with lab.load() as client:
                    round_of(lab, artifacts, timings)
                total += Counter({name: client.figures[name] for name in COUNTED})
                sys.stderr.write(f"round {number} of {runs}: {words(total)}\n")
    finally:
        lab.dash("down")
    sys.stdout.write(f"{timings.table()}\n\n{words(total)}\n")
    return 1 if any(total[name] for name in WRONG) else 0


if __name__ == "__main__":
    raise SystemExit(main())
