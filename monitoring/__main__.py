"""`python -m monitoring` writes what follows from slos.yml and the rules.

`python -m monitoring dashboards` prints every dashboard instead: one document, uid to JSON text;
`python -m monitoring scaled 60` rules of objectives with windows divided by 60, for an experiment.
"""

from __future__ import annotations

import json
import sys

from monitoring import reference, scaled, slo


def main(argv: list[str]) -> int:
    """Do what the command line says."""
    if argv == ["dashboards"]:
        from monitoring.dashboards import pages  # noqa: PLC0415 -- rules need no SDK

        sys.stdout.write(json.dumps(pages.texts()))
        return 0
    if argv[:1] == ["scaled"] and len(argv) == 2 and argv[1].isascii() and argv[1].isdigit():  # noqa: PLR2004 -- the word and its factor
        return _scaled(int(argv[1]))
    if argv:
        sys.stderr.write("usage: python -m monitoring [dashboards | scaled FACTOR]\n")
        return 2
    reference.write()
    return 0


def _scaled(by: int) -> int:
    try:
        sys.stdout.write(scaled.text(by))
    except slo.BadObjective as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
