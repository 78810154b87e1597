"""Two hundred alerts at once, in the host image: says on stdout what the receivers were told.

Alertmanager has the configuration of its role; the receivers are those of the role's scenario.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HOSTS = [f"host-{number:02}" for number in range(40)]
DEAD = HOSTS[:10]  # whose other alerts nobody needs
ALERTS = {
    ("HostDown", "page"): DEAD,
    ("AppDown", "page"): HOSTS,
    ("DatabaseUnreachable", "page"): HOSTS,
    ("TargetDown", "page"): HOSTS,
    ("DiskFills", "ticket"): HOSTS,
    ("MemoryShort", "ticket"): HOSTS[10:],
}
AGAIN = 16  # seconds in which they are sent again: pages that changed would be told after 15
ADDRESS = "http://127.0.0.1:9093"
# Where receiver.py notes mail, and what hooks are sent.
MAIL, BODIES = Path("/run/told"), Path("/run/told.jsonl")


def send(*, over: bool) -> int:
    """Say that all of them fire, or are over, as Prometheus does; return how many."""
    ends = datetime.now(UTC) + timedelta(seconds=-1 if over else 300)
    alerts = [
        {
            "labels": {"alertname": name, "severity": severity, "host": host},
            "annotations": {"summary": f"{name} of {host}", "runbook": f"docs/{name}.md"},
            "endsAt": ends.isoformat(),
        }
        for (name, severity), hosts in ALERTS.items()
        for host in hosts
    ]
    request = urllib.request.Request(  # noqa: S310 -- an address of ours
        f"{ADDRESS}/api/v2/alerts",
        data=json.dumps(alerts).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 -- the same
    return len(alerts)


def ready() -> bool:
    try:
        urllib.request.urlopen(f"{ADDRESS}/-/ready", timeout=2).close()  # noqa: S310 -- the same
    except OSError:
        return False
    return True


def seen() -> dict[str, Any]:
    """Return what was told since the last look."""
    lines, bodies = (
        path.read_text("utf-8").splitlines() if path.exists() else [] for path in (MAIL, BODIES)
    )
    for path in (MAIL, BODIES):
        path.unlink(missing_ok=True)
    return {
        "hooks": [json.loads(x) for x in bodies],
        "mail": [x for x in lines if x.startswith("mail Subject")],
    }


def main(work: Path) -> None:
    manager = [
        "prometheus-alertmanager", f"--config.file={work}/alertmanager.yml",
        "--storage.path=/tmp/alertmanager", "--cluster.listen-address=",
        "--web.listen-address=127.0.0.1:9093",
    ]  # fmt: skip
    with ExitStack() as running:
        for argv in ([sys.executable, f"{work}/receiver.py", "9901", "9902"], manager):
            program = running.enter_context(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
            running.callback(program.kill)
        while not ready():
            time.sleep(0.1)
        document: dict[str, Any] = {"sent": send(over=False)}
        time.sleep(6)
        document["first"] = seen()
        for _ in range(AGAIN // 2):
            send(over=False)
            time.sleep(2)
        document["again"] = seen()
        send(over=True)
        time.sleep(AGAIN)
        document["over"] = seen()
    sys.stdout.write(f"\n{json.dumps(document)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
