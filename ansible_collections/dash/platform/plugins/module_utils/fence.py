"""Fencing: an operation that was overtaken cannot change a host any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import files, paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

if TYPE_CHECKING:
    from pathlib import Path


class Overtaken(Fault):
    """A smaller number than the host has seen; `str()` is one line."""


def seen(path: Path | None = None) -> int:
    """Return the highest number that this host has seen, 0 when none. Raises CorruptFile."""
    path = path or paths.FENCE
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise files.CorruptFile(
            f"{path} holds {text!r}, not a number. Next: write the highest number of "
            "./dash history --json into it"
        )
    return int(text)


def check(number: int, path: Path | None = None) -> None:
    """Let an operation change this host, unless a later one did: remembers a higher number.

    Raises Overtaken or CorruptFile.
    """
    path = path or paths.FENCE
    with files.locked(path.with_name(f".{path.name}.lock")):
        highest = seen(path)
        if number < highest:
            raise Overtaken(
                f"this host has seen fencing number {highest}; {number} is an operation that "
                "was overtaken"
            )
        if number > highest:
            files.atomic_write(path, f"{number}\n")


def claim(number: int, path: Path | None = None) -> None:
    """Take a number for a new operation: one that another operation has taken is refused.

    Two controllers that look at the same moment reckon the same number; only one may have it.
    Raises Overtaken or CorruptFile.
    """
    path = path or paths.FENCE
    with files.locked(path.with_name(f".{path.name}.lock")):
        highest = seen(path)
        if number <= highest:
            raise Overtaken(
                f"this host has seen fencing number {highest}, {number} is taken: another "
                "operation was quicker. Next: run the command again"
            )
        files.atomic_write(path, f"{number}\n")
