"""Fetch a file over HTTP that is known by its SHA-256: it is whole and right, or absent."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

if TYPE_CHECKING:
    from typing import BinaryIO

TRIES = 3
PAUSE = 2.0  # seconds
SILENCE = 30.0  # seconds without a byte
PIECE = 1 << 20


def fetch(url: str, path: Path, sha256: str) -> bool:
    """Fetch a file unless it is there, and return whether anything changed.

    Args:
        url: where it lies; it may open more than the file's name tells, so no message has it.
        path: where it goes; its directory is there.
        sha256: of its content.

    Raises:
        Fault: it cannot be had, or is another file.
        OSError: it cannot be written.
    """
    if path.is_file() and _digest(path) == sha256:
        return False
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            _download(url, file, path.name)
            os.fchmod(number, 0o644)
            os.fsync(number)
        _hold(Path(name), sha256, path.name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def _download(url: str, file: BinaryIO, name: str) -> None:
    """Write what an address gives, asking again where the network may be at fault."""
    for left in reversed(range(TRIES)):
        try:
            file.seek(0)
            file.truncate()
            with urllib.request.urlopen(url, timeout=SILENCE) as answer:  # noqa: S310 -- the controller made it
                shutil.copyfileobj(answer, file, PIECE)
            file.flush()
        except (HTTPException, OSError) as error:
            refused = isinstance(error, urllib.error.HTTPError) and error.code < 500  # noqa: PLR2004 -- its own fault
            if refused or not left:
                raise Fault(f"{name} cannot be fetched: {_why(error)}") from None
            time.sleep(PAUSE)
        else:
            return


def _why(error: Exception) -> str:
    """Return what went wrong without the address."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the bucket answers {error.code}"
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or type(reason).__name__


def _hold(path: Path, sha256: str, name: str) -> None:
    """Hold what arrived against what was sent. Raises Fault."""
    if _digest(path) != sha256:
        raise Fault(f"{name} is not what the operator's machine has: nothing was kept")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
