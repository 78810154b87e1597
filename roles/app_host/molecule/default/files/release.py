"""A release that writes down what its unit lets it see, and waits."""

import getpass
import json
import os
import sys
import time
from pathlib import Path

STATUS = dict(
    line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines()
)


def may(verb: int, *paths: str) -> list[str]:
    return [path for path in paths if os.access(path, verb)]


credentials = Path(os.environ["CREDENTIALS_DIRECTORY"])
seen = {
    "words": sys.argv[1:],
    "user": getpass.getuser(),
    "directory": str(Path.cwd()),
    "environment": {k: v for k, v in os.environ.items() if k.startswith("DASH_")},
    "credentials": {p.name: p.read_bytes().decode() for p in credentials.iterdir()},
    "may_read": may(os.R_OK, "/etc/dash/credentials/db_owner_password", "/root", "/proc/1/environ"),
    "may_write": may(os.W_OK, "/opt/dash/current", "/etc/dash", "/var/lib/dash", "/usr"),
    "capabilities": STATUS["CapBnd"].strip(),
}
Path(os.environ["STATE_DIRECTORY"], "seen.json").write_text(json.dumps(seen), "utf-8")
time.sleep(3600)
