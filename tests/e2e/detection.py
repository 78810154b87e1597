"""Time how soon faults are told, on a running lab: `python -m tests.e2e.detection --lab NAME`.

From the fault until Alertmanager holds an alert of which somebody is told; its group_wait (2 s for
a page) comes on top. Each fault is undone, and its alert must be gone before the next. Prints
tables for docs/benchmarks.md, with the memory of the monitor's programs; asserts no figure.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from ops import monitor
from ops.session import Session
from tests.e2e.driver import Lab

PATIENCE = 120  # seconds for an alert, and for its end
UNITS = (
    "prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter", "loki",
    "grafana-server", "dash-otelcol", "dash-journal",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, the alert that must tell it, and the way back."""

    name: str
    alert: str
    begin: Callable[[], object]
    undo: Callable[[], object]


def faults(lab: Lab) -> list[Fault]:
    """Return the faults in the order in which they are made."""
    color, _ = lab.active()
    app, other = f"app-{color}-1", f"app-{'green' if color == 'blue' else 'blue'}-1"

    def container(verb: str, host: str) -> None:
        words = ["kill", "--signal", "KILL"] if verb == "kill" else [verb]
        subprocess.run(
            ["podman", *words, lab.container(host)], check=True, capture_output=True, timeout=60
        )

    def unit(verb: str, host: str, name: str) -> None:
        lab.on(host, "systemctl", verb, name)

    database, proxy = "postgresql@17-main", "haproxy"
    return [
        Fault("a host that does not serve dies", "HostDown",
              lambda: container("kill", other), lambda: container("start", other)),
        Fault("the host that serves dies", "ServiceDown",
              lambda: container("kill", app), lambda: container("start", app)),
        Fault("the service that serves is stopped", "AppDown",
              lambda: unit("stop", app, "dash-app"), lambda: unit("start", app, "dash-app")),
        Fault("HAProxy is stopped", "ServiceDown",
              lambda: unit("stop", "edge-1", proxy), lambda: unit("start", "edge-1", proxy)),
        Fault("PostgreSQL is stopped", "DatabaseDown",
              lambda: unit("stop", "db-1", database), lambda: unit("start", "db-1", database)),
    ]  # fmt: skip


def told(session: Session) -> set[str]:
    """Return the names of the alerts of which somebody is told; none while nobody answers."""
    try:
        return {str(alert["labels"]["alertname"]) for alert in monitor.notifiable(session)}
    except monitor.Silent:
        return set()


def wait(session: Session, alert: str, *, there: bool) -> float:
    """Return how long it took until an alert was told, or was over. Raises TimeoutError."""
    begun = time.monotonic()
    while (alert in told(session)) is not there:
        if time.monotonic() - begun > PATIENCE:
            raise TimeoutError(
                f"{alert} is {'not told' if there else 'still told'} {PATIENCE} s on"
            )
        time.sleep(0.2)
    return time.monotonic() - begun


def memory(lab: Lab, unit: str) -> int:
    """Return the MiB that a program of the monitor holds."""
    pid = lab.on("monitor-1", "systemctl", "show", "--property=MainPID", "--value", unit).strip()
    lines = lab.on("monitor-1", "cat", f"/proc/{pid}/status").splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith("VmRSS:")) // 1024


def main() -> int:
    """Make each fault in turn and print the tables."""
    parser = argparse.ArgumentParser(prog="detection", description=__doc__)
    parser.add_argument("--lab", default="", help="DASH_LAB of a lab that is up")
    options = parser.parse_args()
    lab = Lab(options.lab)
    session = Session(stack=lab.stack, environ={"DASH_LAB": lab.name}, root=lab.root)
    sys.stdout.write("| fault | alert | told after | over after |\n|---|---|---|---|\n")
    for fault in faults(lab):
        wait(session, fault.alert, there=False)
        fault.begin()
        try:
            after = wait(session, fault.alert, there=True)
        finally:
            fault.undo()
        over = wait(session, fault.alert, there=False)
        sys.stdout.write(f"| {fault.name} | {fault.alert} | {after:.1f} s | {over:.1f} s |\n")
        sys.stdout.flush()
    sys.stdout.write("\n| program | memory |\n|---|---|\n")
    for unit in UNITS:
        sys.stdout.write(f"| {unit} | {memory(lab, unit)} MiB |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
