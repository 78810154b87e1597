"""Follow the journal into a file of JSON lines: journal.py LINES MEGABYTES FIGURES.

Each line carries the journal's cursor, and the newest one says where the next start goes on: no
line is lost, and none written twice, however this ends. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = {
    "unit": "_SYSTEMD_UNIT",
    "tag": "SYSLOG_IDENTIFIER",
    "pid": "_PID",
    "priority": "PRIORITY",
    "message": "MESSAGE",
}
OWN = "dash-otelcol.service"  # its lines would feed themselves; they are in the journal
LONGEST = 64 * 1024  # characters of one message: the collector reads no longer line than 256 KiB
CHUNK = 1 << 20
EVERY = 10  # seconds between two times that figures are told
CURSOR = re.compile(r"^s=(?P<journal>[0-9a-f]+);i=(?P<number>[0-9a-f]+)(?:;[a-z]=[0-9a-f]+)+$")
COMMAND = (  # of all boots: to follow means this one alone, and a crash's last lines would stay out
    "journalctl", "--follow", "--no-tail", "--boot=all", "--all", "--quiet", "--output=json",
    f"--output-fields={','.join([*NAMES.values(), 'N_DROPPED'])}",
)  # fmt: skip
TOLD = {
    "lines": ("dash_journal_lines_total", "Lines that were written for the collector."),
    "suppressed": ("dash_journal_suppressed_total", "Lines that journald did not take."),
    "missed": ("dash_journal_missed_total", "Lines that were gone before they could be read."),
}


def text(value: object) -> str:
    """Return a field as text: of several values the first, of bytes what is readable."""
    if isinstance(value, list):
        octets = all(isinstance(x, int) for x in value)
        value = bytes(value).decode("utf-8", "replace") if octets else text(value[0])
    return value[:LONGEST] if isinstance(value, str) else ""


@lru_cache(maxsize=2)
def position(cursor: str) -> tuple[str, int]:
    """Return the journal that a cursor is of, and the number there; "" when it is none.

    Asked twice of each entry, and once more as the newest one of the next.
    """
    found = CURSOR.match(cursor)
    return (found["journal"], int(found["number"], 16)) if found else ("", 0)


@dataclass
class Figures:
    """What Prometheus is told; counted since this started."""

    newest: str  # cursor
    lines: int = 0
    suppressed: int = 0
    missed: int = 0
    doubted: str = ""  # cursor after which there was a gap

    def doubts(self, entry: dict[str, object]) -> bool:
        """Tell whether to read once more after the newest: something between is not there.

        journalctl reads several files side by side, root's lines and those of each person. One that
        is written while it looks at the next file is passed over, and there when it looks again.
        """
        again = self.gap(entry) > 0 and self.doubted != self.newest
        self.doubted = self.newest if again else self.doubted
        return again

    def gap(self, entry: dict[str, object]) -> int:
        """Return how many lines are missing before an entry: journald numbers all it writes."""
        (journal, before), (same, now) = position(self.newest), position(str(entry["__CURSOR"]))
        return max(0, now - before - 1) if journal and journal == same else 0

    def see(self, entry: dict[str, object]) -> None:
        """Count an entry, and what is lost before it."""
        self.missed += self.gap(entry)
        self.newest = str(entry["__CURSOR"])
        dropped = text(entry.get("N_DROPPED"))
        self.suppressed += int(dropped) if dropped.isdecimal() else 0

    def write(self, to: Path) -> None:
        """Replace the file of figures, whole."""
        new = to.with_suffix(".new")
        document = "".join(
            f"# HELP {name} {what}\n# TYPE {name} counter\n{name} {getattr(self, field)}\n"
            for field, (name, what) in TOLD.items()
        )
        new.write_text(document, "utf-8")
        new.chmod(0o644)  # the exporter is somebody else
        new.replace(to)


class Lines:
    """A file that is moved aside when it is full; one older piece is kept."""

    def __init__(self, path: Path, most: int) -> None:
        """Open `path`, which holds no more than `most` bytes and what came last."""
        self._path, self._most = path, most
        self._out = -1
        self._open()

    def _open(self) -> None:
        self._out = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        size = os.fstat(self._out).st_size
        if size and os.pread(self._out, 1, size - 1) != b"\n":
            os.write(self._out, b"\n")  # cut off by a kill: its entry is written anew, whole

    @property
    def older(self) -> Path:
        """Return where the older piece lies; the collector reads on in it."""
        return self._path.with_name(f"{self._path.name}.1")

    def cursor(self) -> str:
        """Return the cursor of the newest line that is whole; empty when there is none."""
        for path in (self._path, self.older):
            lines = path.read_bytes().splitlines() if path.exists() else []
            for line in reversed(lines):
                try:
                    found = str(json.loads(line)["cursor"])
                except (ValueError, KeyError, TypeError):
                    continue
                if CURSOR.match(found):
                    return found
        return ""

    def write(self, lines: bytes) -> None:
        """Append whole lines, in a new file when this one is full."""
        while lines:
            lines = lines[os.write(self._out, lines) :]
        if os.fstat(self._out).st_size >= self._most:
            self._path.replace(self.older)
            os.close(self._out)
            self._open()


def line(entry: dict[str, object]) -> bytes:
    """Return an entry as the collector reads it."""
    moment = EPOCH + timedelta(microseconds=int(str(entry["__REALTIME_TIMESTAMP"])))
    said = {name: text(entry.get(field)) for name, field in NAMES.items()}
    told = {"time": moment.isoformat(timespec="microseconds"), **said, "cursor": entry["__CURSOR"]}
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def chunks(pipe: int) -> Iterator[list[bytes]]:
    """Yield the lines that came, and none when nothing did for a while, until the end."""
    rest = b""
    while True:
        if not select.select([pipe], [], [], EVERY)[0]:
            yield []
            continue
        read = os.read(pipe, CHUNK)
        if not read:
            return
        *whole, rest = (rest + read).split(b"\n")
        yield whole


def follow(lines: Lines, figures: Figures, to: Path) -> int | None:
    """Write what the journal has and gets; return journalctl's exit code, None to begin again."""
    words = [*COMMAND, *([f"--after-cursor={figures.newest}"] if figures.newest else [])]
    figures.write(to)
    told = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.PIPE) as journal:
        assert journal.stdout is not None
        for chunk in chunks(journal.stdout.fileno()):
            written: list[bytes] = []
            again = not all(take(json.loads(each), figures, written) for each in chunk)
            lines.write(b"".join(written))
            figures.lines += len(written)
            if again:
                journal.kill()
                return None
            if time.monotonic() - told >= EVERY:
                figures.write(to)
                told = time.monotonic()
    return journal.returncode


def take(entry: dict[str, object], figures: Figures, written: list[bytes]) -> bool:
    """Count an entry and add its line; return False, and do neither, when it comes too soon."""
    if figures.doubts(entry):
        return False
    figures.see(entry)
    if entry.get("_SYSTEMD_UNIT") != OWN:
        written.append(line(entry))
    return True


def main(argv: list[str]) -> int:
    """Follow; systemd starts it again when it ends, and stops journalctl with it."""
    lines = Lines(Path(argv[0]), int(argv[1]) * 1_000_000)
    figures = Figures(lines.cursor())
    while (code := follow(lines, figures, Path(argv[2]))) is None:
        pass
    sys.stderr.write(f"journalctl ended with {code}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
