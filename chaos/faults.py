"""The journal of faults: what is broken on purpose, and what undoes it, written before it is done.

One file a fault in `.dash/<stack>/chaos/faults/`. Whoever finds a file whose holder is gone can
undo the fault with nothing else than this file.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION = re.compile(r"chaos(\.[a-z_]+)+:[a-z_]+")


class JournalError(Exception):
    """The journal cannot be used; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that answers for a fault."""

    user: str
    machine: str
    pid: int
    started: int  # clock ticks since boot: numbers of processes are used again
    boot: str

    @classmethod
    def me(cls) -> Self:
        """Return this process."""
        return cls(
            user=os.environ.get("SUDO_USER") or getpass.getuser(),
            machine=socket.gethostname(),
            pid=os.getpid(),
            started=_started(os.getpid()),
            boot=_boot(),
        )

    @property
    def gone(self) -> bool:
        """Whether it ran on this machine and does not any more."""
        if self.machine != socket.gethostname():
            return False  # nobody here can tell
        return self.boot != _boot() or _started(self.pid) != self.started

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.machine}"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is broken on purpose."""

    id: str
    what: str  # as it stands after "undone: "
    undo: str  # module:function
    arguments: Mapping[str, Any]
    host: str  # "" for none of the stack's
    at: float
    holder: Holder

    def document(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), sort_keys=True, indent=1) + "\n"

    @property
    def by_hand(self) -> str:
        """Return what to type to undo it."""
        return f"python -m chaos undo {self.id}"


def identity(undo: str, arguments: Mapping[str, Any]) -> str:
    """Return the name of what one undo undoes: the same for the same function and arguments."""
    text = json.dumps([undo, dict(arguments)], sort_keys=True)
    words = undo.removeprefix("chaos.").replace(".actions:", "-").replace("_", "-")
    return f"{words.replace('.', '-')}-{zlib.crc32(text.encode()):08x}"


class Journal:
    """The faults of one stack."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, fault: Fault) -> None:
        """Keep a fault so that it outlives this process and a power cut."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self._path(fault.id)
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(fault.document())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        self._sync()

    def remove(self, name: str) -> None:
        """Forget a fault that is undone; one that is not there is forgotten already."""
        if self._path(name).exists():
            self._path(name).unlink(missing_ok=True)
            self._sync()

    def read(self) -> list[Fault]:
        """Return all faults, the newest first, which is the order to undo them in.

        Raises:
            JournalError: a file is not what it should be.
        """
        found = [self._one(path) for path in self.directory.glob("*.json")]
        return sorted(found, key=lambda fault: fault.at, reverse=True)

    def left(self) -> list[Fault]:
        """Return the faults of holders that are gone. Raises JournalError."""
        return [fault for fault in self.read() if fault.holder.gone]

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.json"

    def _sync(self) -> None:
        handle = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @staticmethod
    def _one(path: Path) -> Fault:
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            fault = Fault(**{**known, "holder": Holder(**known["holder"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JournalError(
                f"{path} cannot be undone ({error}): look at the stack, then remove it"
            ) from None
        if not FUNCTION.fullmatch(str(fault.undo)):
            raise JournalError(f"{path} names {fault.undo!r}, which is no function of chaos")
        return fault


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> int:
    """Return when a process started, 0 when there is none such or it only waits to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    words = stat.rpartition(")")[2].split()
    return 0 if words[0] == "Z" else int(words[19])
