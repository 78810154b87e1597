"""Files that are whole or absent: atomic writes, appends that reach the disk, locks."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator


class CorruptFile(Fault):
    """A file of ours does not hold what it should; `str()` is one line."""


def _sync_directory(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def atomic_write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file so that a reader, or a power cut, sees the old text or the new one.

    Raises OSError; the old text stands then, and nothing else is left behind.
    """
    number, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            os.fchmod(number, mode)
            file.write(text)
            file.flush()
            os.fsync(number)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line that is on the disk when this returns.

    A last line that a crash cut off is closed first, or it would swallow the new one. On a full
    disk the file is what it was. Raises OSError.
    """
    number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(number).st_size
        torn = size > 0 and os.pread(number, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + line.encode() + b"\n"
        try:
            while data:
                data = data[os.write(number, data) :]
            os.fsync(number)
        except OSError:
            os.ftruncate(number, size)
            raise
    finally:
        os.close(number)
    if not size:
        _sync_directory(path.parent)


def read_json(path: Path, *keys: str) -> dict[str, Any] | None:
    """Return a file's JSON object, None when there is no file.

    Args:
        path: the file.
        keys: what the object must have.

    Raises:
        CorruptFile: it is no JSON object, or lacks a key.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise CorruptFile(f"{path} is not JSON. Next: move it away, then ./dash status") from None
    lacking = [k for k in keys if k not in found] if isinstance(found, dict) else ["an object"]
    if lacking:
        raise CorruptFile(f"{path} lacks {lacking[0]}. Next: move it away, then ./dash status")
    return dict(found)


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
    """Hold an exclusive lock on a file, made when missing, while the block runs.

    Not to be nested: a second lock of the same file, also by this process, waits for ever.
    Raises Fault on a host that has no directory for it.
    """
    try:
        file = path.open("a", encoding="utf-8")
    except FileNotFoundError:
        raise Fault(f"{path.parent} is not on this host. Next: ./dash configure") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
