"""What an edge does without a controller: `python3 -m …edgectl revert|follow|recover|say|status`.

`revert --id ID` is what the timer of a switch runs, `follow --id ID` what keeps an eye on the other
edges, `recover` what the edge runs at its boot (dash-edge-recover.service), `say` what answers the
other edges (dash-edge-state.socket). Ends with 1 and one line when it cannot be done.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils import (
    fence,
    following,
    haproxy,
    neighbours,
    paths,
    switch,
)
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edgectl")
    parser.add_argument("--state-dir", type=Path, default=paths.EDGE_STATE)
    parser.add_argument("--map", type=Path, default=paths.MAP)
    parser.add_argument("--socket", type=Path, default=paths.HAPROXY_SOCKET)
    verbs = parser.add_subparsers(dest="verb", required=True)
    revert = verbs.add_parser("revert", help="go back unless the switch was confirmed")
    revert.add_argument("--id", required=True)
    follow = verbs.add_parser("follow", help="go back when another edge does")
    follow.add_argument("--id", required=True)
    verbs.add_parser("say", help="tell another edge how this one stands")
    verbs.add_parser("recover", help="after a boot: go back, or arm the timer again")
    status = verbs.add_parser("status", help="print the active colour and the open operation")
    status.add_argument("--json", action="store_true")
    return parser


def _status(edge: switch.Edge, *, as_json: bool) -> str:
    found = {"active": edge.active(), "operation": edge.operation.current()}
    if as_json:
        return json.dumps(found, sort_keys=True)
    held = edge.operation.current()
    what = f"{held.get('kind', 'operation')} {held['id']} is {held['state']}" if held else "none"
    return f"active colour {found['active']}, open operation: {what}"


def _run(args: argparse.Namespace, edge: switch.Edge) -> str:
    if args.verb == "status":
        return _status(edge, as_json=args.json)
    if args.verb == "recover":
        return edge.recover()
    if args.verb == "say":
        said = neighbours.says(edge.active(), fence.seen(), edge.operation.current())
        return json.dumps(said, sort_keys=True)
    if args.verb == "follow":
        return following.Follower(edge, args.id, neighbours.listed()).run()
    if edge.revert(args.id):
        return f"not confirmed in time: back on {edge.active()}"
    return "nothing to go back from"


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and do it; the journal keeps what was said."""
    args = _parser().parse_args(argv)
    edge = switch.Edge(args.map, args.state_dir, haproxy.Runtime(args.socket))
    try:
        said = _run(args, edge)
    except (Fault, OSError) as error:
        sys.stderr.write(f"{one_line(error)}\n")
        return 1
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
