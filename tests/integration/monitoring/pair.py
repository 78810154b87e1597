"""Two Alertmanagers that are told the same, in the host image: says what people were told.

Each is started as the role's unit starts it (`commands.json`); the receiver is the scenario's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BODIES = Path("/run/told.jsonl")
TOGETHER = 45  # seconds until they have found each other
LATE = 22  # seconds in which a second page would come: the next round is due after 15


def ask(address: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(
        f"http://{address}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 -- the same
        return json.loads(answer.read() or b"null")


def peers(address: str) -> int:
    """Return how many Alertmanagers one knows, itself included."""
    try:
        return len(ask(address, "/api/v2/status")["cluster"]["peers"])
    except OSError:
        return 0


def tell(addresses: list[str], name: str, seconds: float) -> None:
    """Tell all of them, as often as their Prometheus would, that an alert fires."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ends = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
        labels = {"alertname": name, "severity": "page"}
        for address in addresses:
            with suppress(OSError):
                ask(address, "/api/v2/alerts", [{"labels": labels, "endsAt": ends}])
        time.sleep(2)


def told() -> list[list[str]]:
    """Return the names of every notification since the last look."""
    bodies = BODIES.read_text("utf-8").splitlines() if BODIES.exists() else []
    BODIES.unlink(missing_ok=True)
    return [sorted(x["labels"]["alertname"] for x in json.loads(b)["alerts"]) for b in bodies]


def main(work: Path) -> None:
    commands: dict[str, list[str]] = json.loads((work / "commands.json").read_text("utf-8"))
    first, second = commands
    document: dict[str, Any] = {}
    with ExitStack() as running:
        programs = {}
        hook = [sys.executable, f"{work}/receiver.py", "9901", "9902"]
        for name, argv in {"hook": hook, **commands}.items():
            program = running.enter_context(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
            running.callback(program.kill)
            programs[name] = program
        end = time.monotonic() + TOGETHER
        while time.monotonic() < end and (peers(first), peers(second)) != (2, 2):
            time.sleep(0.5)
        document["peers"] = [peers(first), peers(second)]
        while time.monotonic() < end - TOGETHER / 2:
            time.sleep(0.5)  # who is new waits until it hears nothing new before it tells anybody
        tell([first, second], "AppDown", LATE)
        document["both"] = told()
        programs[first].kill()
        tell([first, second], "DiskFull", LATE)
        document["one"] = told()
    sys.stdout.write(f"\n{json.dumps(document)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
