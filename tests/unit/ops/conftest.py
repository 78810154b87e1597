"""A checkout of our making, with an ansible-playbook that does what a test says."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ops import cli, pulumi
from ops.session import Session

if TYPE_CHECKING:
    from pathlib import Path

# Records how it was called, then does what the test's script says.
ANSIBLE = """#!/bin/sh
file=
for word in "$@"; do case $word in @*) file=${{word#@}} ;; esac; done
{{
  printf '%s\\n' "$@"
  [ -z "$file" ] || {{ printf 'mode %s\\n' "$(stat -c %a "$file")"; cat "$file"; }}
}} >{calls}
state={state}
{script}
"""


@dataclass
class Checkout:
    """A checkout in a temporary folder and the command line of Dash on it."""

    root: Path
    capture: pytest.CaptureFixture[str]
    stack: str = "lab"

    @property
    def state(self) -> Path:
        return self.root / ".dash" / self.stack

    def session(self, **given: Any) -> Session:
        return Session(stack=self.stack, environ={}, root=self.root, **given)

    def ansible(self, script: str, name: str = "ansible-playbook") -> None:
        """Make the program do what the shell script says; `$state` is the state directory."""
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(ANSIBLE.format(calls=self.root / "calls", state=self.state, script=script))
        path.chmod(0o755)

    def writes(self, name: str, document: object, rest: str = "") -> None:
        """Make ansible-playbook write a JSON document into the state directory."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.root / "document").write_text(json.dumps(document))
        self.ansible(f'cp "{self.root}/document" "$state/{name}"\n{rest}')

    @property
    def words(self) -> list[str]:
        """How the program was called."""
        return (self.root / "calls").read_text().splitlines()

    @property
    def variables(self) -> dict[str, Any]:
        """The extra variables that it was given."""
        found: dict[str, Any] = json.loads(self.words[-1])
        return found

    def dash(self, *argv: str) -> tuple[int, str, str]:
        """Run `./dash` in this process: exit code, output, errors."""
        code = cli.main(list(argv))
        said = self.capture.readouterr()
        return code, said.out, said.err


@pytest.fixture(name="checkout")
def _checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Checkout:
    for name in list(os.environ):
        if name.startswith("DASH_"):
            monkeypatch.delenv(name)
    checkout = Checkout(tmp_path, capsys)
    monkeypatch.setattr("ops.session.ROOT", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr(pulumi, "environment", lambda *_: dict(os.environ))
    checkout.ansible("exit 0")
    return checkout
