"""What the lab carries: `python -m tests.bench.load` runs shapes of load, prints tables for people.

One shape after another by `./dash load SHAPE --keep`, with a pause for the machine to come to rest
between two; the lab is up before, and nothing else runs. Nothing is asserted: figures depend on
the machine, and the verdict is printed as it came.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from loadtests import result
from loadtests.target import ROOT
from loadtests.thresholds import LIMITS

SHAPES = ("20", "50", "100", "knee")
REST = 60  # seconds: as long as a run looks back at what the machine did before it
Document = dict[str, Any]


def measure(shape: str) -> Document:
    """Run a shape to its end and return its result. Ends the program when there is none."""
    done = subprocess.run(
        ["./dash", "load", shape, "--keep", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        path = Path(json.loads(done.stdout)["result"])
    except (ValueError, KeyError):
        sys.exit(f"{shape}: no result: {(done.stderr or done.stdout).strip()}")
    found: Document = json.loads(path.read_text("utf-8"))
    return found


def _cell(seen: Document | None) -> str:
    if seen is None:
        return "-"
    return f"{seen['p50_ms']:.0f}, {seen['p95_ms']:.0f}, {seen['p99_ms']:.0f}"


def table(found: Document) -> list[str]:
    """Return a row of each kind: every shape's p50, p95 and p99."""
    names = list(found)
    rows = [f"| kind, ms at p50, p95, p99 | limit p95, p99 | {' | '.join(names)} |"]
    rows.append(f"|---|---|{'---|' * len(names)}")
    for kind, limit in LIMITS.items():
        cells = " | ".join(_cell(found[name]["kinds"].get(kind)) for name in names)
        rows.append(f"| {kind} | {limit.p95_ms:.0f}, {limit.p99_ms:.0f} | {cells} |")
    for what in ("n", "failed"):
        cells = " | ".join(f"{_sum(found[name], what):,}" for name in names)
        rows.append(f"| {'answers' if what == 'n' else 'of them failed'} | | {cells} |")
    return rows


def _sum(document: Document, what: str) -> int:
    return sum(int(seen[what]) for seen in document["kinds"].values())


def words(document: Document) -> list[str]:
    """Return what a run came to: verdict, first bottleneck, capacity."""
    busy = document["busy_before"]
    before = "not known" if busy is None else f"{busy:.0%}"
    return [
        f"- {result.line(document)} (machine busy before: {before})",
        f"  - {result.first(document)}",
        f"  - {result.carried(document)}",
    ]


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load")
    parser.add_argument("shapes", nargs="*", default=SHAPES, help=f"instead of {' '.join(SHAPES)}")
    parser.add_argument("--rest", type=float, default=REST, help="seconds before each")
    options = parser.parse_args(argv)
    found: Document = {}
    for shape in options.shapes:
        time.sleep(options.rest)
        found[shape] = measure(shape)
        sys.stderr.write(f"{result.line(found[shape])}\n")
    sys.stdout.write("\n".join(table(found)) + "\n\n")
    for document in found.values():
        sys.stdout.write("\n".join(words(document)) + "\n")


if __name__ == "__main__":
    main()
