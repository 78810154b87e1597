"""Own traffic during a run: `python -m ops.prober` as a process, and what its report tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from chaos.client import ROOT, WorldError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chaos.client import Stack

LOAD = {"rate": 40, "connections": 20, "sockets": 10, "streams": 5}
MOST = 3600  # seconds: bounded, whatever becomes of the run
START = 30.0  # seconds until all kinds of traffic had a good answer
STEADY = 5  # seconds without a bad answer
END = 30.0  # seconds to finish what is under way
Report = dict[str, Any]


class Traffic:
    """Requests, sockets and streams against the public address, from start to stop."""

    def __init__(self, process: subprocess.Popen[bytes], report: Path) -> None:
        self._process, self.path = process, report

    @classmethod
    def start(cls, stack: Stack, directory: Path) -> Self:
        """Start it, with its report in a directory."""
        options: dict[str, object] = {
            "url": stack.url, "ca": stack.directory / "ca.pem",
            "report": directory / "traffic.json",
            "key-file": stack.directory / "secrets" / "chaos_key",
            "parent": os.getpid(), "max-seconds": MOST, **LOAD,
        }  # fmt: skip
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        with (directory / "traffic.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ops.prober", *words],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C is for the experiment: requests go on meanwhile
            )  # fmt: skip
        return cls(process, directory / "traffic.json")

    def read(self) -> Report:
        """Return the report as it is now, {} while there is none."""
        try:
            report: Report = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return report

    def ready(self, within: float = START) -> None:
        """Wait until every kind of traffic was answered well. Raises WorldError: it was not."""
        end = time.monotonic() + within
        while lacking := absent(self.read()):
            if self._process.poll() is not None:
                said = self.path.with_suffix(".log").read_text("utf-8").strip().splitlines()
                raise WorldError(f"own traffic does not run: {(said or ['no reason given'])[-1]}")
            if time.monotonic() > end:
                raise WorldError(
                    f"no good answer to {', '.join(lacking)} within {within:.0f} s: the service is "
                    "not well before the fault. Type ./dash status"
                )
            time.sleep(0.5)

    def stop(self) -> Report:
        """End it and return the last report."""
        self._process.terminate()
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self.read()


def absent(report: Report) -> list[str]:
    """Return the kinds of traffic that had no good answer yet."""
    if not report:
        return ["anything"]
    kinds = report["by_kind"]
    found = [kind for kind, counts in kinds.items() if counts["n"] <= counts["failed"]]
    if sum(report["sockets"]["open"].values()) < LOAD["sockets"]:
        found.append("sockets")
    if not report["streams"]["n"]:
        found.append("streams")
    return found + sorted(report["not_judged"])


def lately(report: Report, seconds: int, now: float) -> tuple[int, int]:
    """Return how many answers came, and how many were bad, in whole seconds before now."""
    first = int(now) - seconds
    rows = [row for row in report.get("seconds", []) if first <= row["t"] < int(now)]
    lost = [row for row in report.get("lost_seconds", []) if first <= row["t"] < int(now)]
    bad = sum(row["failed"] for row in rows) + sum(sum(_counts(row)) for row in lost)
    return sum(row["n"] for row in rows), bad


def _counts(row: Mapping[str, Any]) -> list[int]:
    return [int(value) for key, value in row.items() if key != "t"]


def last_bad(report: Report) -> float | None:
    """Return when the last answer was bad, or the last socket or stream was lost."""
    times = [report.get(key) for key in ("last_failed", "last_lost")]
    return max((float(t) for t in times if t is not None), default=None)


def requests(report: Report) -> dict[str, dict[str, int]]:
    """Return how many requests of each kind were judged, and failed."""
    return {
        kind: {"n": counts["n"] - counts["excused"], "failed": counts["failed"]}
        for kind, counts in report.get("by_kind", {}).items()
    }
