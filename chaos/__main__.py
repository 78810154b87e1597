"""`python -m chaos`: run experiments one after the other, undo what is left, list them, report."""

from __future__ import annotations

import argparse
import os
import sys

from chaos import metadata, permission, report, suite
from chaos.client import WorldError
from chaos.faults import JournalError
from chaos.lock import LockedError
from chaos.metadata import BadExperiment
from chaos.running import Refused

DONE, FAILED, USAGE = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run one experiment, or all")
    run.add_argument("name", help="of an experiment or a suite (prove); all: one after the other")
    run.add_argument("--why", default="", help="a reason, which the records keep")
    run.add_argument("--json", action="store_true", help="one JSON document at the end")
    undo = verbs.add_parser("undo", help="undo what runs that are gone left broken")
    undo.add_argument("fault", nargs="?", default="", help="only this one")
    undo.add_argument("--quiet", action="store_true", help="say nothing when nothing is left")
    listed = verbs.add_parser("list", help="claims, alerts and how each ended last")
    listed.add_argument("--json", action="store_true", help="as one JSON document")
    verbs.add_parser("report", help="score and report of the runs", add_help=False)
    return top


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says: 0 done, 1 something failed, 2 wrong usage."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["report"]:  # its options are its own
        return report.main(argv[1:])
    args = parser().parse_args(argv)
    try:
        if args.verb == "run":
            if args.why:
                os.environ[permission.WHY] = args.why
            return suite.run(metadata.chosen(args.name), as_json=args.json)
        if args.verb == "undo":
            return suite.undo(args.fault, quiet=args.quiet)
        return suite.show(as_json=args.json)
    except BadExperiment as error:
        return _say(str(error), USAGE)
    except (Refused, LockedError, JournalError, WorldError) as error:
        return _say(str(error), FAILED)


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"{line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
