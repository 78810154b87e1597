"""A program in Python's place that keeps what it was told: verbs that hand on to `python -m …`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def stand_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, code: int, says: str = "", tells: str = ""
) -> None:
    """Put it there.

    Args:
        folder: gets it, and its file `calls`, to which each call adds a line of its words.
        monkeypatch: of the test.
        code: it ends with.
        says: it prints.
        tells: a variable of its environment that it keeps too, after its words, as `why=…`.
    """
    calls = folder / "calls"
    lines = ["#!/bin/sh", f'printf \'%s\\n\' "$*" >>"{calls}"']
    lines += [f'printf \'why=%s\\n\' "${tells}" >>"{calls}"'] if tells else []
    lines += [f'echo "{says}"', f"exit {code}", ""]
    program = folder / "python"
    program.write_text("\n".join(lines))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
