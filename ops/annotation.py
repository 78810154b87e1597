"""Tell Grafana of a release: `python -m ops.annotation`, started by a playbook and left alone.

Nobody waits for it and nobody asks how it ended: a release owes Grafana nothing. What is told goes
through ssh to the monitor itself, so that the password is on no other host.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 20  # for all of it; the log says when that was not enough
# On the monitor: curl reads address, password and text from its input, so that no list of processes
# shows them.
REMOTE = "sudo curl --silent --show-error --fail-with-body --max-time 10 --config -"


def config(address: str, user: str, password: str, body: dict[str, Any]) -> str:
    """Return what curl is told."""
    given = {
        "url": f"{address}/api/annotations",
        "user": f"{user}:{password}",
        "cacert": "/etc/dash/ca.pem",
        "noproxy": "*",
        "header": "Content-Type: application/json",
        "data": json.dumps(body),
    }
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items())


def tell(ssh: list[str], address: str, user: str, password_file: Path, body: dict[str, Any]) -> str:
    """Hand an annotation over; return one line for the log, whatever happens."""
    try:
        password = password_file.read_text(encoding="utf-8").strip()
        done = subprocess.run(
            [*ssh, REMOTE], input=config(address, user, password, body), capture_output=True,
            text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} s"
    except OSError as error:
        return str(error)
    said = (done.stdout if done.returncode == 0 else done.stderr + done.stdout).strip()
    return said.splitlines()[-1] if said else f"ended with {done.returncode}"


def main(argv: list[str]) -> int:
    """Tell annotations one after the other: SSH-JSON ADDRESS USER PASSWORD-FILE BODIES-JSON."""
    ssh, address, user, password_file, bodies = argv
    for what in json.loads(bodies):
        line = tell(json.loads(ssh), address, user, Path(password_file), what)
        sys.stdout.write(f"{what['text']}: {line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
