"""Fencing: an operation that was overtaken cannot change a host any more."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils import files

FILE = Path("/var/lib/dash/fence")


class Overtaken(Exception):
    """A smaller number than the host has seen; `str()` is one line."""


def seen(path: Path = FILE) -> int:
    """Return the highest number that this host has seen, 0 when none. Raises CorruptFile."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return 0
    if not text.isdigit():
        msg = f"{path} holds {text!r}, not a number: write the highest number of ./dash history"
        raise files.CorruptFile(msg)
    return int(text)


def check(number: int, path: Path = FILE) -> None:
    """Refuse a number that was overtaken, remember a higher one. Raises Overtaken."""
    with files.locked(path.with_name(f".{path.name}.lock")):
        highest = seen(path)
        if number < highest:
            msg = (f"this host has seen fencing number {highest}; {number} is an operation that "
                   "was overtaken")
            raise Overtaken(msg)
        if number > highest:
            files.atomic_write(path, f"{number}\n")
