"""What the hosts of a stack say of themselves: one source for every verb that wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops import leftovers, playbook
from ops.console import UserError

if TYPE_CHECKING:
    from ops.session import Session

FILE = "status.json"


def ask(session: Session) -> dict[str, Any]:
    """Ask all hosts of the stack what they run: `facts` by host, `ledger` and `artifacts`.

    Raises:
        UserError: the stack is not up, or the play failed.
    """
    leftovers.undo(session)
    path = session.state_dir / FILE
    path.unlink(missing_ok=True)
    with session.err.status("asking the hosts"):
        played = playbook.play(session, "status", log=session.scratch_log("status"))
    if not path.exists():
        played.check()
        raise UserError(f"{session.stack} has no hosts: type ./dash --stack {session.stack} up")
    return session.read(FILE)
