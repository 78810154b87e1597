"""Bring ports of hosts to this machine over ssh: `python -m ops.forward --parent PID --ways JSON`.

On AWS the preview and the monitor's pages have no door to the world. They come to the ports of
127.0.0.1 at which a lab has them, so that nothing else needs to know. The process ends with its
parent; an ssh that breaks off is begun again.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PORTS = {"preview": 8444, "grafana": 3000, "prometheus": 9090, "alertmanager": 9093}
OF = {"preview": "edge", "grafana": "monitor", "prometheus": "monitor", "alertmanager": "monitor"}
OPTIONS = ("ExitOnForwardFailure=yes", "ControlMaster=no", "ControlPath=none")
AGAIN = 1.0  # seconds until an ssh that broke off is begun again
GRACE = 5.0  # seconds that one has to end
READY = 30.0  # seconds until the ports listen


@dataclass(frozen=True, kw_only=True)
class Way:
    """One host, how ssh reaches it, and which of its ports come to which of ours."""

    command: Sequence[str]  # the last word is the destination
    address: str
    ports: Mapping[int, int]  # ours -> the host's

    @property
    def words(self) -> list[str]:
        """Return the ssh that brings them."""
        words = [*self.command[:-1], "-N"]
        for option in OPTIONS:
            words += ["-o", option]
        for ours, theirs in self.ports.items():
            words += ["-L", f"127.0.0.1:{ours}:{self.address}:{theirs}"]
        return [*words, self.command[-1]]


def ways(found: Mapping[str, Mapping[str, Any]], local: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what it takes to bring every service: of the first host of its kind, or the n-th.

    Args:
        found: hosts as the inventory has them.
        local: our ports, by service: grafana is that of the first monitor, grafana-2 the second's.
    """
    from ansible_collections.dash.platform.plugins.module_utils import controller  # noqa: PLC0415 -- the helper has no use for it

    wanted: dict[str, dict[int, int]] = {}
    for name, port in local.items():
        service, _, number = name.partition("-")
        hosts = sorted(host for host, known in found.items() if known["dash_role"] == OF[service])
        for host in hosts[int(number or 1) - 1 :][:1]:
            wanted.setdefault(host, {})[port] = PORTS[service]
    return [
        {
            "command": controller.ssh_command(found[host]),
            "address": found[host]["dash_address"],
            "ports": ports,
        }
        for host, ports in wanted.items()
    ]


def keep(wanted: Sequence[Way], parent: int) -> None:
    """Keep the ports here until `parent` ends. Raises ProcessLookupError: there is none such."""
    watched = os.pidfd_open(parent)
    poller = select.poll()
    poller.register(watched, select.POLLIN)
    running: dict[int, subprocess.Popen[bytes]] = {}
    try:
        while True:
            for number, way in enumerate(wanted):
                if number not in running or running[number].poll() is not None:
                    running[number] = subprocess.Popen(way.words, stdin=subprocess.DEVNULL)
            if poller.poll(AGAIN * 1000):
                return
    finally:
        os.close(watched)
        for process in running.values():
            process.terminate()
        for process in running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)


def wait(ports: Sequence[int], seconds: float = READY) -> bool:
    """Wait until ports of this machine are listened to; tell whether they came in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(_listened_to(port) for port in ports):
            return True
        time.sleep(0.2)
    return False


def _listened_to(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and keep the ports."""
    parser = argparse.ArgumentParser(prog="python -m ops.forward")
    parser.add_argument("--parent", type=int, required=True, help="process id to end with")
    parser.add_argument("--ways", required=True, help="JSON list of command, address, ports")
    args = parser.parse_args(argv)

    def _end(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, _end)
    wanted = [
        Way(
            command=each["command"],
            address=each["address"],
            ports={int(ours): int(theirs) for ours, theirs in each["ports"].items()},
        )
        for each in json.loads(args.ways)
    ]
    with suppress(ProcessLookupError):
        keep(wanted, args.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
