"""Renew a lease from a distance: each line on standard input renews, end of input ends.

`python3 -m …leasectl hold --id ID`. Ends with 3 when the lease is somebody else's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils import lease

LOST = 3


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and renew until the other end is gone."""
    parser = argparse.ArgumentParser(prog="leasectl")
    parser.add_argument("verb", choices=["hold"])
    parser.add_argument("--id", required=True)
    parser.add_argument("--state-dir", type=Path, default=lease.STATE_DIR)
    parser.add_argument("--ttl", type=float, default=lease.TTL)
    args = parser.parse_args(argv)
    held = lease.LeaseFile(args.state_dir, args.ttl)
    for _ in sys.stdin:
        try:
            ends = held.renew(args.id)
        except lease.Lost as why:
            sys.stdout.write(f"lost {why}\n")
            return LOST
        sys.stdout.write(f"ok {ends:.0f}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
