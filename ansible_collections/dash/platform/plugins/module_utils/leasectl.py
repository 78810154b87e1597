"""Renew a lease from a distance: each line on standard input renews, end of input ends.

`python3 -m …leasectl hold --id ID`: says `ok <expires>` (seconds since the epoch) to each line, or
`lost <why>` and ends with 3 when the lease is somebody else's, `error <why>` and 1 when it cannot
be told. The lease stays as it is at the end.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils import lease, paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line

LOST = 3
BROKEN = 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and renew until the other end is gone."""
    parser = argparse.ArgumentParser(prog="leasectl")
    parser.add_argument("verb", choices=["hold"])
    parser.add_argument("--id", required=True)
    parser.add_argument("--state-dir", type=Path, default=paths.EDGE_STATE)
    parser.add_argument("--ttl", type=float, default=lease.TTL, help="seconds")
    args = parser.parse_args(argv)
    held = lease.LeaseFile(args.state_dir, args.ttl)
    for _ in sys.stdin:
        try:
            ends = held.renew(args.id)
        except lease.Lost as why:
            _say(f"lost {why}")
            return LOST
        except (Fault, OSError) as error:  # the disk is full: who holds it cannot be told
            _say(f"error {one_line(error)}")
            return BROKEN
        _say(f"ok {ends:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
