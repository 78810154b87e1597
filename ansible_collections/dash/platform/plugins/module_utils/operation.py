"""The operation that an edge has open, and what may become of it (docs/architecture.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils import files, lease

Operation = dict[str, Any]
RECORDED = "recorded"  # not kept: the file goes
NEXT = {
    "begun": {"switched", "paused", "reverted", RECORDED},
    "paused": {"reverted", RECORDED},
    "switched": {"confirmed", "reverted"},
    "confirmed": {RECORDED},
    "reverted": {RECORDED},
}


class Illegal(Exception):
    """A step that this operation cannot take; `str()` is one line."""


class OperationFile:
    """The one open operation of an edge."""

    def __init__(self, directory: Path = lease.STATE_DIR) -> None:
        self._file = directory / "operation.json"

    def current(self) -> Operation | None:
        """Return the open operation, or None."""
        return files.read_json(self._file)

    def begin(self, operation: Operation) -> None:
        """Open an operation. The lease must be ours."""
        files.write_json(self._file, {**operation, "state": "begun"})

    def move(self, identity: str, state: str, **more: Any) -> bool:
        """Take an operation on to a state; False when it is there already, or not ours.

        Raises:
            Illegal: the state cannot follow.
        """
        held = self.current()
        if held is None or held["id"] != identity or held["state"] == state:
            return False
        if state not in NEXT[held["state"]]:
            msg = f"operation {identity} is {held['state']}: it cannot become {state}"
            raise Illegal(msg)
        if state == RECORDED:
            self._file.unlink()
        else:
            files.write_json(self._file, {**held, **more, "state": state})
        return True
