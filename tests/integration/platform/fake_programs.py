"""Programs on PATH that are shell scripts: they note their words and answer what they were told."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """#!/bin/sh
{{ printf '%s\\0' "$@"; printf '\\n'; }} >> {log}
{body}
"""


@dataclass
class Programs:
    """The fakes in one directory."""

    directory: Path

    def have(self, name: str, body: str = "exit 0") -> None:
        """Make a program, or give it another body (shell; its words are in `$@`)."""
        file = self.directory / name
        log = shlex.quote(str(self.directory / f".{name}.calls"))
        file.write_text(SCRIPT.format(log=log, body=body), encoding="utf-8")
        file.chmod(0o755)

    def calls(self, name: str) -> list[list[str]]:
        """Return the words of each call, oldest first."""
        log = self.directory / f".{name}.calls"
        if not log.exists():
            return []
        lines = log.read_text(encoding="utf-8").split("\0\n")
        return [line.split("\0") for line in lines if line]
