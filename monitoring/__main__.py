"""`python -m monitoring` writes what follows from slos.yml and the rules.

`python -m monitoring dashboards` prints every dashboard instead: one document, uid to JSON text.
"""

from __future__ import annotations

import json
import sys

from monitoring import reference


def main(argv: list[str]) -> int:
    """Do what the command line says."""
    if argv == ["dashboards"]:
        from monitoring.dashboards import pages  # noqa: PLC0415 -- rules need no SDK

        sys.stdout.write(json.dumps(pages.texts()))
        return 0
    if argv:
        sys.stderr.write("usage: python -m monitoring [dashboards]\n")
        return 2
    reference.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
