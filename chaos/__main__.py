"""`python -m chaos report`: what the runs of experiments say."""

from __future__ import annotations

import sys

from chaos import report

USAGE = "usage: python -m chaos report [--runs DIR] [--out DIR] [--publish]\n"


def main(argv: list[str]) -> int:
    """Do what the command line says. Returns the exit code."""
    if argv[:1] != ["report"]:
        sys.stderr.write(USAGE)
        return 2
    return report.main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
