"""Files that are whole or absent: atomic writes, appends that reach the disk, locks."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class CorruptFile(Exception):
    """A file of ours does not hold what it should; `str()` is one line."""


def _sync_directory(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def atomic_write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file so that a reader, or a power cut, sees the old text or the new one."""
    number, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        os.fchmod(number, mode)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line that is on the disk when this returns."""
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(number, (line + "\n").encode())
        os.fsync(number)
    finally:
        os.close(number)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's JSON object, None when there is no file. Raises CorruptFile."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        msg = f"{path} is not JSON: move it away and run the command again"
        raise CorruptFile(msg) from None
    return found


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Replace a file by a JSON object, atomically, for its owner alone."""
    atomic_write(path, json.dumps(document, sort_keys=True) + "\n")


def link(path: Path, target: str) -> None:
    """Make a link, or move one, so that at no time there is none."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
    _sync_directory(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, made when missing, while the block runs."""
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
