"""What an edge does without a controller: `python3 -m …edgectl revert|recover|status`."""

from __future__ import annotations

import argparse
import json
import sys

from ansible_collections.dash.platform.plugins.module_utils.switch import Edge


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and do it; the journal keeps what was said."""
    parser = argparse.ArgumentParser(prog="edgectl")
    verbs = parser.add_subparsers(dest="verb", required=True)
    revert = verbs.add_parser("revert", help="go back unless the switch was confirmed")
    revert.add_argument("--id", required=True)
    verbs.add_parser("recover", help="after a boot: go back, or arm the timer again")
    verbs.add_parser("status", help="print the active colour and the open operation")
    args = parser.parse_args(argv)
    edge = Edge()
    if args.verb == "revert":
        back = edge.revert(args.id)
        said = "not confirmed in time: back on the old colour" if back else "nothing to go back to"
    elif args.verb == "recover":
        said = edge.recover()
    else:
        said = json.dumps({"active": edge.active(), "operation": edge.operation.current()})
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
