"""The operation that an edge has open, and what may become of it (docs/architecture.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import files, paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

Operation = dict[str, Any]
KEYS = ("id", "state")
BEGUN = "begun"
RECORDED = "recorded"  # not kept: the file goes
NEXT: dict[str, frozenset[str]] = {
    BEGUN: frozenset({"switched", "paused", "reverted", RECORDED}),
    "paused": frozenset({"reverted", RECORDED}),
    "switched": frozenset({"confirmed", "reverted"}),
    # Back from here only when somebody says so: what fails before it is recorded is undone.
    "confirmed": frozenset({"reverted", RECORDED}),
    "reverted": frozenset({RECORDED}),
    RECORDED: frozenset(),
}


class Illegal(Fault):
    """A step that this operation cannot take; `str()` is one line."""


def follows(state: str, after: str) -> bool:
    """Tell whether a state may come right after another."""
    return state in NEXT.get(after, frozenset())


class OperationFile:
    """The one open operation of an edge. Who changes it holds `locked()` meanwhile."""

    def __init__(self, directory: Path | None = None) -> None:
        directory = directory or paths.EDGE_STATE
        self._file = directory / "operation.json"
        self._lock = directory / ".operation.lock"

    def locked(self) -> AbstractContextManager[None]:
        """Keep the timer and a controller from deciding at the same time. Not to be nested."""
        return files.locked(self._lock)

    def current(self) -> Operation | None:
        """Return the open operation, or None. Raises CorruptFile."""
        return files.read_json(self._file, *KEYS)

    def check_free(self, identity: str) -> None:
        """Refuse to open an operation over another that nobody has settled.

        One that waits for an answer may be replaced: that is what its answer does. Raises Illegal.
        """
        held = self.current()
        if held is not None and held["id"] != identity and held["state"] != "paused":
            what = f"{held.get('kind', 'operation')} {held['id'][:8]}"
            raise Illegal(
                f"a {what} is open on this edge ({held['state']}): it is settled first. "
                "Next: run the command again"
            )

    def begin(self, operation: Operation) -> None:
        """Open an operation. The lease must be ours; `check_free` was asked."""
        self.keep({**operation, "state": BEGUN})

    def keep(self, operation: Operation) -> None:
        """Write the open operation down as it is now, on the disk when this returns."""
        files.write_json(self._file, operation)

    def move(self, identity: str, state: str, **more: Any) -> bool:
        """Take an operation on to a state; False when it is there already, or not ours.

        Args:
            identity: the operation's id.
            state: a key of NEXT; "recorded" removes the file.
            more: what else is kept from now on.

        Raises:
            Illegal: the state cannot follow.
        """
        held = self.current()
        if held is None or held["id"] != identity or held["state"] == state:
            return False
        if not follows(state, held["state"]):
            raise Illegal(f"operation {identity} is {held['state']}: it cannot become {state}")
        if state == RECORDED:
            self._file.unlink()
        else:
            self.keep({**held, **more, "state": state})
        return True

    def record(self, identity: str, outcome: str) -> bool:
        """Close an operation that has ended so; False when it is not open here.

        Raises Illegal where this edge is confirmed and the operation was not done: what was to take
        it back has not reached it, and nothing would any more once it is closed.
        """
        held = self.current()
        here = held is not None and held["id"] == identity and held["state"] == "confirmed"
        if here and outcome != "done":
            raise Illegal(
                f"operation {identity} is confirmed here and {outcome} elsewhere: this edge is yet "
                "to go back. Next: ./dash status"
            )
        return self.move(identity, RECORDED)
