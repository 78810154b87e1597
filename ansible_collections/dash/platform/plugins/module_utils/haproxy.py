"""Talk to a running HAProxy over its runtime socket (management guide, section 9.3)."""

from __future__ import annotations

import csv
import io
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 5.0  # seconds for one command
POLL = 0.1
_BACKENDS_AND_SERVERS = 2 + 4  # `show stat` adds the types up
_MAP_WORDS = 3  # a line of `show map`: address, key, value


class HaproxyError(Fault):
    """HAProxy refuses, or does not know what was asked; `str()` is one line."""


class Down(HaproxyError):
    """HAProxy does not answer at all; `str()` is one line."""


@dataclass(frozen=True)
class Backend:
    """One backend: its servers now, its counters since HAProxy started or was reloaded.

    `errors` are the answers 5xx that clients got, those that HAProxy gave itself because no
    server could be reached included; `connect_errors` are attempts, also when a retry succeeded.
    """

    states: dict[str, str] = field(default_factory=dict)
    sessions: int = 0
    requests: int = 0
    good: int = 0
    errors: int = 0
    connect_errors: int = 0

    @property
    def servers(self) -> int:
        """How many servers it has."""
        return len(self.states)

    @property
    def up(self) -> int:
        """How many of them get requests."""
        return sum(state.startswith("UP") for state in self.states.values())


class Runtime:
    """The runtime API of one HAProxy."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or paths.HAPROXY_SOCKET

    def command(self, text: str) -> str:
        """Send one command and return the answer. Raises Down."""
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(str(self._path))
                connection.sendall(text.encode() + b"\n")
                while part := connection.recv(65536):
                    answer += part
        except OSError as error:
            why = one_line(error)
            raise Down(f"HAProxy does not answer on {self._path}: {why}") from None
        return answer.decode(errors="replace")

    def set_map(self, file: str, key: str, value: str) -> None:
        """Set one key of a map that HAProxy has loaded, and look. Raises HaproxyError."""
        verb = "set" if self.map_value(file, key) else "add"
        said = self.command(f"{verb} map {file} {key} {value}").strip()
        seen = self.map_value(file, key)
        if seen != value:
            raise HaproxyError(
                f"HAProxy says {key} is {seen or 'nothing'} after {verb} map {key} {value}"
                + (f": {said.splitlines()[0]}" if said else "")
            )

    def map_value(self, file: str, key: str) -> str:
        """Return the value of a key as HAProxy uses it, "" when there is none. Raises Down."""
        for line in self.command(f"show map {file}").splitlines():
            words = line.split()
            if len(words) == _MAP_WORDS and words[1] == key:
                return words[2]
        return ""

    def backend(self, name: str) -> Backend:
        """Return a backend. Raises HaproxyError when there is none such."""
        text = self.command(f"show stat {name} {_BACKENDS_AND_SERVERS} -1").removeprefix("# ")
        rows = [r for r in csv.DictReader(io.StringIO(text)) if r.get("pxname") == name]
        total = next((r for r in rows if r["svname"] == "BACKEND"), None)
        if total is None:
            raise HaproxyError(f"HAProxy has no backend {name}. Next: ./dash configure")
        return Backend(
            states={r["svname"]: r["status"] for r in rows if r is not total},
            sessions=_number(total, "scur"),
            requests=_number(total, "req_tot"),
            good=_number(total, "hrsp_2xx"),
            errors=_number(total, "hrsp_5xx"),
            connect_errors=_number(total, "econ"),
        )

    def color(self, color: str) -> Backend:
        """Return what a colour serves: requests, and sockets where this edge keeps them apart.

        Raises HaproxyError.
        """
        requests = self.backend(f"app_{color}")
        try:
            sockets = self.backend(f"sockets_{color}")
        except Down:
            raise
        except HaproxyError:  # configured before there were any
            return requests
        figures = ("sessions", "requests", "good", "errors", "connect_errors")
        both = {name: getattr(requests, name) + getattr(sockets, name) for name in figures}
        return Backend(states=requests.states, **both)

    def wait_up(self, name: str, seconds: float) -> None:
        """Wait until every server of a backend is up. Raises HaproxyError."""
        end = time.monotonic() + seconds
        while True:
            seen = self.backend(name)
            if seen.servers and seen.up == seen.servers:
                return
            if time.monotonic() >= end:
                down = [f"{s} is {state}" for s, state in seen.states.items() if state != "UP"]
                why = f" ({', '.join(down)})" if down else ""
                raise HaproxyError(
                    f"{seen.up} of {seen.servers} servers of {name} are up after {seconds:.0f} s"
                    f"{why}: the switch is refused"
                )
            time.sleep(POLL)


def _number(row: dict[str, str], key: str) -> int:
    text = row.get(key) or "0"
    return int(text) if text.isdigit() else 0
