"""`python -m ops.target`: addresses and files of the stack, for programs that import none of ours.

One JSON document; files are named, never what they hold.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from ops import monitor
from ops.console import ExitCode, UserError
from ops.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping


def document(session: Session) -> dict[str, str]:
    """Return what a client of the stack needs to know.

    Raises:
        UserError: the stack is not up.
    """
    ca = session.state_dir / "ca.pem"
    if not session.exists or not ca.is_file():
        raise UserError(f"{session.stack} is not up: type ./dash --stack {session.stack} up")
    found = {
        "stack": session.stack,
        "provider": session.provider,
        "url": session.address("https"),
        "preview": session.address("preview"),
        "ca": str(ca),
        "directory": str(session.state_dir),
    }
    if monitor.present(session):
        found |= {
            "prometheus": monitor.answering(session),
            "prometheus_user": monitor.USER,
            "prometheus_password_file": str(session.state_dir / "secrets" / "prometheus_password"),
        }
    return found


def main(environ: Mapping[str, str]) -> int:
    """Print the document of the stack that the environment names."""
    try:
        sys.stdout.write(json.dumps(document(Session.of(environ))) + "\n")
    except UserError as error:
        sys.stderr.write(f"{error.line}\n")
        return error.code
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(os.environ))
