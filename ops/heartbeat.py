"""Keep a lease alive on the edges while ansible-playbook lives: `python -m ops.heartbeat`.

One long ssh connection to each edge runs `leasectl hold`; a line down it every few seconds renews
the lease. The process watches ansible-playbook through a pidfd and ends with it, so that a dead
controller's lease runs out by itself. A lease that was lost ends ansible-playbook: going on without
it would let two operations change the same hosts.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

REMOTE = (
    "sudo env PYTHONPATH=/usr/local/lib/dash python3 -m "
    "ansible_collections.dash.platform.plugins.module_utils.leasectl hold --id {id}"
)
LOST = 3  # leasectl's exit code for a lease that is somebody else's
GRACE = 5.0  # seconds that a connection has to end


@dataclass
class Edge:
    """One edge: how to reach it, and the connection while there is one."""

    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    lost: bool = field(default=False)

    def beat(self) -> None:
        """Send one renewal; reconnect when the connection broke."""
        if self.process is not None and self.process.poll() is not None:
            self.lost = self.process.returncode == LOST
            self.close()
            if self.lost:
                return
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0
            )
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):  # the next beat sees that it ended, and why
                self.process.stdin.write(b"\n")

    def close(self) -> None:
        """End the connection; the lease stays as it is."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def hold(edges: list[Edge], parent: int, interval: float) -> int:
    """Renew on all edges every `interval` seconds until `parent` ends.

    Returns 0, or 1 when an edge says that the lease is somebody else's; `parent` is interrupted
    then. Raises ProcessLookupError when there is no such process.
    """
    watched = os.pidfd_open(parent)
    poller = select.poll()
    poller.register(watched, select.POLLIN)
    try:
        while not any(edge.lost for edge in edges):
            for edge in edges:
                edge.beat()
            if poller.poll(interval * 1000):
                return 0
        sys.stderr.write("the lease was lost: another operation holds it\n")
        signal.pidfd_send_signal(watched, signal.SIGINT)
        return 1
    finally:
        os.close(watched)
        for edge in edges:
            edge.close()


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and hold the lease."""
    parser = argparse.ArgumentParser(prog="python -m ops.heartbeat")
    parser.add_argument("--parent", type=int, required=True, help="process id to end with")
    parser.add_argument("--id", required=True, help="the lease's id")
    parser.add_argument("--edges", required=True, help="JSON list of ssh commands (lists of words)")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between renewals")
    args = parser.parse_args(argv)

    def _end(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, _end)
    edges = [Edge([*command, REMOTE.format(id=args.id)]) for command in json.loads(args.edges)]
    started = time.monotonic()
    try:
        return hold(edges, args.parent, args.interval)
    except ProcessLookupError:
        lived = time.monotonic() - started
        sys.stderr.write(f"process {args.parent} is gone after {lived:.1f} s\n")
        return 0


if __name__ == "__main__":
    sys.exit(main())
