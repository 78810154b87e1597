"""Talk to a running HAProxy over its runtime socket (management guide, section 9.3)."""

from __future__ import annotations

import csv
import io
import socket
import time
from dataclasses import dataclass
from pathlib import Path

SOCKET = Path("/run/haproxy/admin.sock")
TIMEOUT = 5.0  # seconds for one command


class HaproxyError(Exception):
    """HAProxy does not answer, or refuses; `str()` is one line."""


@dataclass(frozen=True)
class Backend:
    """Counters of one backend since HAProxy started or was reloaded."""

    up: int
    servers: int
    sessions: int
    requests: int
    errors: int


class Runtime:
    """The runtime API of one HAProxy."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = path

    def command(self, text: str) -> str:
        """Send one command and return the answer. Raises HaproxyError."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(str(self._path))
                connection.sendall(text.encode() + b"\n")
                answer = b""
                while part := connection.recv(65536):
                    answer += part
        except OSError as error:
            msg = f"HAProxy does not answer on {self._path}: {error.strerror or error}"
            raise HaproxyError(msg) from None
        return answer.decode()

    def set_map(self, file: str, key: str, value: str) -> None:
        """Change one key of a map that HAProxy has loaded. Raises HaproxyError."""
        said = self.command(f"set map {file} {key} {value}").strip()
        if said:
            msg = f"HAProxy refused to set {key} to {value}: {said}"
            raise HaproxyError(msg)

    def map_value(self, file: str, key: str) -> str:
        """Return the value of a key as HAProxy uses it, "" when there is none."""
        for line in self.command(f"show map {file}").splitlines():
            words = line.split()
            if len(words) == 3 and words[1] == key:  # noqa: PLR2004 -- "address key value"
                return words[2]
        return ""

    def backend(self, name: str) -> Backend:
        """Return a backend's counters. Raises HaproxyError when there is none such."""
        text = self.command(f"show stat {name} 6 -1").removeprefix("# ")
        rows = list(csv.DictReader(io.StringIO(text)))
        servers = [r for r in rows if r["svname"] not in ("BACKEND", "FRONTEND")]
        total = next((r for r in rows if r["svname"] == "BACKEND"), None)
        if total is None:
            msg = f"HAProxy has no backend {name}"
            raise HaproxyError(msg)
        return Backend(
            up=sum(r["status"].startswith("UP") for r in servers), servers=len(servers),
            sessions=_number(total, "scur"), requests=_number(total, "req_tot"), errors=_number(total, "hrsp_5xx"),
        )

    def wait_up(self, name: str, seconds: float) -> None:
        """Wait until every server of a backend is up. Raises HaproxyError."""
        end = time.monotonic() + seconds
        while True:
            seen = self.backend(name)
            if seen.servers and seen.up == seen.servers:
                return
            if time.monotonic() > end:
                msg = (f"{seen.up} of {seen.servers} servers of {name} are up after "
                       f"{seconds:.0f} s: the switch is refused")
                raise HaproxyError(msg)
            time.sleep(0.1)


def _number(row: dict[str, str], key: str) -> int:
    return int(row.get(key) or 0)
