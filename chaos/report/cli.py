"""The command line of `python -m chaos report`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from chaos import metadata
from chaos.client import ROOT, directory_of, stack_name
from chaos.report import content, detections, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIGURES = ROOT / "chaos" / "detections.toml"
OPEN = ROOT / "chaos" / "unfired.toml"
DONE, FAILED = 0, 1


def parser() -> argparse.ArgumentParser:
    """Return what may be typed."""
    made = argparse.ArgumentParser(
        prog="python -m chaos report",
        description="Score the newest run of each experiment, and write report.html and .json.",
    )
    made.add_argument("--runs", type=Path, metavar="DIR", help="where runs lie (the stack's)")
    made.add_argument("--out", type=Path, metavar="DIR", help="where to write (beside the runs)")
    made.add_argument("--publish", action="store_true", help="write chaos/detections.toml as well")
    return made


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Do what the command line says. Returns the exit code."""
    args = (typed := parser()).parse_args(argv)
    if args.runs is not None and not args.runs.is_dir():
        typed.error(f"--runs is {args.runs}: there is no such directory")
    chaos = directory_of(environ) / "chaos"
    runs, out = args.runs or chaos / "runs", args.out or chaos / "report"
    try:
        found = content.collect(runs, metadata.names(), stack_name(environ))
        terminal.show(found, Console())
        from chaos.report import page  # noqa: PLC0415 -- pictures take a second to load

        print_line(f"{terminal.last_line(found)}; report: {page.write(found, out)}")
        if args.publish:
            n = detections.publish(found, FIGURES, OPEN)
            print_line(f"{n} detection times in {FIGURES}; next: python -m monitoring")
    except (detections.BadFigures, OSError) as error:
        sys.stderr.write(f"chaos report: {error}\n")
        return FAILED
    return DONE


def print_line(line: str) -> None:
    """Print one line as it is."""
    sys.stdout.write(f"{line}\n")
