"""One chaos run at a time on a stack: a lock that ends with the process that has it."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from chaos.faults import Holder

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class LockedError(Exception):
    """Somebody else runs chaos on this stack; `str()` is one line."""


class Lock:
    """Held between `with` and its end, or until the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def __enter__(self) -> Self:
        """Take it. Raises LockedError, which names who has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # What this process starts must not go on to hold it: Python's handles are not inherited.
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise LockedError(
                f"chaos already runs on this stack ({self._named()}): wait for its end, or end it"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(asdict(Holder.me())).encode(), 0)
        self._handle = handle
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)

    def _named(self) -> str:
        try:
            return str(Holder(**json.loads(self._path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            return "it does not say who"
