"""An HAProxy that is a thread: a real runtime socket, a map file that it reads when it starts."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

COLUMNS = (
    *("pxname", "svname", "scur", "econ", "status", "hrsp_2xx"),
    *("hrsp_5xx", "req_tot", "last_chk", "addr", "ttime"),
)


@dataclass
class Backend:
    """What a backend counts, and how its servers are."""

    states: dict[str, str]
    scur: int = 0
    econ: int = 0
    hrsp_2xx: int = 0
    hrsp_5xx: int = 0

    @property
    def req_tot(self) -> int:
        return self.hrsp_2xx + self.hrsp_5xx

    def rows(self, name: str) -> str:
        """Return the servers' rows, then the total: as `show stat` orders them."""
        lines = []
        for server, state in self.states.items():
            row = {"pxname": name, "svname": server, "status": state, "hrsp_2xx": "7"}
            lines.append(",".join([row.get(c, "") for c in COLUMNS]))
        keys = ("scur", "econ", "hrsp_2xx", "hrsp_5xx", "req_tot")
        total = {"pxname": name, "svname": "BACKEND", "status": "UP"}
        total |= {k: str(getattr(self, k)) for k in keys}
        lines.append(",".join([total.get(c, "") for c in COLUMNS]))
        return "\n".join(lines)


@dataclass
class FakeHaproxy:
    """Answers the commands that we use, word for word as HAProxy 3.0 does."""

    path: Path
    map_file: Path
    backends: dict[str, Backend] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    stuck: bool = False  # says yes to a change and keeps what it has
    map: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.load()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def load(self) -> None:
        """Read the map file, as a start or a reload does."""
        words = self.map_file.read_text(encoding="ascii").split()
        self.map = {words[0]: words[1]} if words else {}

    def stop(self) -> None:
        """Go down: nobody listens on the socket any more."""
        if self._thread.is_alive():
            # A listener that is closed under accept() would not wake it.
            with socket.socket(socket.AF_UNIX) as last:
                last.connect(str(self.path))
                last.sendall(b"quit\n")
            self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                command = connection.recv(4096).decode().strip()
                if command == "quit":
                    return
                self.commands.append(command)
                connection.sendall(self._answer(command.split()).encode() + b"\n")

    def _answer(self, words: list[str]) -> str:
        answer = "Unknown command.\n"
        match words:
            case [_, "map", file, *_] if file != str(self.map_file):
                answer = "Unknown map identifier. Please use #<id> or <file>.\n"
            case ["show", "map", _]:
                answer = "".join(f"0x7ff20e12e430 {k} {v}\n" for k, v in self.map.items())
            case ["set", "map", _, key, _] if key not in self.map:
                answer = "entry not found.\n"
            case ["set" | "add", "map", _, key, value]:
                self.map[key] = self.map.get(key, "") if self.stuck else value
                answer = ""
            case ["show", "stat", name, "6", "-1"] if name not in self.backends:
                answer = "No such proxy.\n"
            case ["show", "stat", name, "6", "-1"]:
                answer = f"# {','.join(COLUMNS)}\n{self.backends[name].rows(name)}\n"
        return answer
