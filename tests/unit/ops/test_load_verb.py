"""./dash load: what it hands to python -m loadtests, and the exit codes it hands back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ops import leftovers, pulumi
from ops.cli import main

ECHO = """#!/bin/sh
printf '%s\\n' "$*" >>"{calls}"
exit {code}
"""


@pytest.fixture(name="calls")
def _calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    calls = tmp_path / "calls"
    calls.touch()
    monkeypatch.setattr(pulumi, "environment", lambda _stack: {"PATH": "/usr/bin:/bin"})
    monkeypatch.setattr(leftovers, "undo", lambda _session: calls.write_text("undone\n"))
    stand_in(calls, monkeypatch, code=0)
    return calls


def stand_in(calls: Path, monkeypatch: pytest.MonkeyPatch, *, code: int) -> None:
    """Have a program in Python's place that keeps what it was told."""
    program = calls.with_name("python")
    program.write_text(ECHO.format(calls=calls, code=code))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_without_a_shape_they_are_listed_and_nothing_is_touched(calls: Path) -> None:
    assert main(["load"]) == 0
    assert calls.read_text() == "-m loadtests list\n"


def test_what_chaos_left_is_undone_before_anything_is_measured(calls: Path) -> None:
    assert main(["load", "100", "--keep", "--processes", "2", "--json"]) == 0
    assert calls.read_text() == ("undone\n-m loadtests run 100 --json --keep --processes 2\n")


@pytest.mark.parametrize(("code", "mine"), [(0, 0), (1, 1), (2, 2), (4, 4), (77, 1)])
def test_the_verdict_is_the_exit_code(
    calls: Path, monkeypatch: pytest.MonkeyPatch, code: int, mine: int
) -> None:
    stand_in(calls, monkeypatch, code=code)
    assert main(["load", "smoke"]) == mine


def test_no_process_at_all_is_wrong_usage(calls: Path) -> None:
    assert main(["load", "smoke", "--processes", "0"]) == 2
    assert calls.read_text() == ""
