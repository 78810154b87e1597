"""One load at a time on a stack: a lock that ends with the process that has it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loadtests.target import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "lock"


class Held(TargetError):
    """Another load runs on the stack."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder for the block: two loads would measure each other.

    Raises:
        Held: somebody else has it; the line names the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)  # not inherited by programs
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        who = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise Held(
            f"a load already runs on this stack (process {who}): wait for its end, or end it"
        ) from None
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.ftruncate(handle, 0)
        os.close(handle)
