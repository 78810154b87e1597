"""`python -m ops.asking`: the service's own command line, for programs that import none of ours.

Standard input is JSON, a list of what follows `python -m app` in each of its runs; standard output
is the list of their answers. However many they are, they take one play: that is most of the time.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ops import playbook
from ops.console import ExitCode, UsageError, UserError
from ops.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = "app.json"
PRODUCTION = "production"


@dataclass(frozen=True)
class Answer:
    """How a run of the service's command line ended."""

    rc: int
    stdout: str
    stderr: str


def ask(session: Session, argvs: Sequence[Sequence[str]]) -> list[Answer]:
    """Run the service's command line on an app host, once for each list of words.

    An answer may hold a new key, or a link that opens once: it is read from a file that only this
    user can read, and the file is gone before anything is returned.

    Raises:
        UserError: the host cannot be reached, or the service gave no answer.
    """
    path = session.state_dir / FILE
    path.unlink(missing_ok=True)
    wanted = {"dash_app_argvs": [list(argv) for argv in argvs]}
    played = playbook.play(session, "app", wanted, log=session.scratch_log("app"))
    if not path.exists():
        played.check()
        raise UserError(f"the service gave no answer: type ./dash status (all of it: {played.log})")
    try:
        found = session.read(FILE)["answers"]
    finally:
        path.unlink(missing_ok=True)
    return [Answer(int(each["rc"]), each["stdout"], each["stderr"]) for each in found]


def main(environ: Mapping[str, str]) -> int:
    """Ask the service of the stack that the environment names."""
    try:
        session = Session.of(environ)
        if session.stack == PRODUCTION:
            raise UsageError("accounts of production are for ./dash key and ./dash user: they ask")
        answers = ask(session, json.load(sys.stdin))
    except UserError as error:
        sys.stderr.write(f"{error.line}\n")
        return error.code
    sys.stdout.write(json.dumps([asdict(answer) for answer in answers]) + "\n")
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(os.environ))
