"""`python -m loadtests`: run a shape of load and judge it, or what belongs to that."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from loadtests import accounts, run, shapes, target
from loadtests.run import USAGE, Wish
from loadtests.shapes import ShapeError
from loadtests.target import COLOURS, TargetError

DONE = 0


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("run", help="run a shape: result.json and report.html")
    one.add_argument("shape", help="which; `list` shows them")
    one.add_argument("--out", default="", metavar="DIR", help="leave it there (the stack's)")
    one.add_argument("--keep", action="store_true", help="make this run the shape's baseline")
    one.add_argument("--processes", type=_positive, default=0, help="of locust (by the shape)")
    one.add_argument("--seconds", type=_seconds, default=0.0, help="instead of the shape's")
    one.add_argument("--target", default="", metavar="FILE", help="a document (the stack's)")
    one.add_argument("--accounts", default="", metavar="FILE", help="ready ones (made, removed)")
    one.add_argument("--judged", choices=COLOURS, default="active", help="of compare: the new one")
    one.add_argument("--json", action="store_true", help="one JSON document at the end")
    again = verbs.add_parser("report", help="write the report of a run again")
    again.add_argument("folder", type=Path, help="of the run")
    verbs.add_parser("clear", help="remove the accounts that a killed run left behind")
    listed = verbs.add_parser("list", help="the shapes")
    listed.add_argument("--json", action="store_true", help="as one JSON document")
    return top


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; the exit code is that of `run.run`."""
    args = parser().parse_args(sys.argv[1:] if argv is None else argv)
    if args.verb == "list":
        return _show(as_json=args.json)
    try:
        if args.verb == "clear":
            return _clear()
        if args.verb == "report":
            return run.report(args.folder)
        return run.run(
            Wish(
                shape=args.shape, out=args.out, target=args.target, accounts=args.accounts,
                seconds=args.seconds, processes=args.processes, judged=args.judged, keep=args.keep,
                as_json=args.json,
            )
        )  # fmt: skip
    except (ShapeError, TargetError) as error:
        sys.stderr.write(f"load: {error}\n")
        return USAGE


def _clear() -> int:
    if many := accounts.forgotten(target.load()):
        word = "account" if many == 1 else "accounts"
        sys.stdout.write(f"removed: {many} {word} of a run that was killed\n")
    return DONE


def _show(*, as_json: bool) -> int:
    if as_json:
        rows = [{"name": s.name, "about": s.about, "seconds": s.seconds} for s in _shapes()]
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
        return DONE
    for shape in _shapes():
        sys.stdout.write(f"{shape.name:<6} {shape.seconds:>5.0f} s  {shape.about}\n")
    return DONE


def _shapes() -> list[shapes.Shape]:
    return list(shapes.SHAPES.values())


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _seconds(text: str) -> float:
    if (number := float(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
