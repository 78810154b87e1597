"""./dash chaos: what it hands to python -m chaos, and leftovers before any verb."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops import leftovers, pulumi
from ops.cli import main
from ops.commands import chaos
from ops.session import Session
from tests.unit.ops.standin import stand_in

WHY = "DASH_CHAOS_WHY"


@pytest.fixture(name="calls")
def _calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    calls = tmp_path / "calls"
    calls.touch()
    monkeypatch.setattr(pulumi, "environment", lambda _stack: {"PATH": "/usr/bin:/bin"})
    stand_in(tmp_path, monkeypatch, code=0, tells=WHY)
    monkeypatch.setattr(leftovers, "undo", lambda _session: None)
    return calls


def test_without_a_name_experiments_are_listed(calls: Path) -> None:
    assert main(["chaos"]) == 0
    assert calls.read_text() == "-m chaos list\nwhy=\n"


def test_a_name_a_reason_and_a_report_are_handed_on(calls: Path) -> None:
    assert main(["chaos", "app_stopped", "--why", "game day", "--report"]) == 0
    assert calls.read_text().splitlines() == [
        "-m chaos run app_stopped", "why=game day", "-m chaos report", "why=",
    ]  # fmt: skip


def test_a_failed_experiment_is_the_exit_code_whatever_the_report_says(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, code=1, tells=WHY)
    assert main(["chaos", "all"]) == 1
    assert calls.read_text().startswith("-m chaos run all\n")


def test_production_without_a_reason_is_refused_before_anybody_is_asked(
    calls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stack", "production", "chaos", "all"]) == 2
    assert "chaos in production needs a reason: add --why" in capsys.readouterr().err
    assert calls.read_text() == ""


def test_production_with_a_reason_is_asked_about(
    calls: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(["--stack", "production", "chaos", "all", "--why", "x"]) == 2
    assert "break (all), on purpose, production" in capsys.readouterr().err
    assert calls.read_text() == ""


class Broken:
    """A stack with a fault in its journal, and a `python -m chaos` that says something."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **program: Any) -> None:
        self.calls = folder / "calls"
        self.calls.touch()
        stand_in(folder, monkeypatch, tells=WHY, **program)
        monkeypatch.setattr(pulumi, "environment", lambda _stack: {"PATH": "/usr/bin:/bin"})
        self.session = Session(stack="lab", environ={}, root=folder)
        self.faults = self.session.state_dir / "chaos" / "faults"
        self.faults.mkdir(parents=True)


def test_nothing_left_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Broken(tmp_path, monkeypatch, code=0)
    leftovers.undo(broken.session)
    assert broken.calls.read_text() == ""


def test_what_was_left_is_undone_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Broken(tmp_path, monkeypatch, code=0, says="undone: db-1 frozen, left by process 7")
    (broken.faults / "host-unpause-1.json").write_text(json.dumps({}))
    leftovers.undo(Session(stack="lab", environ={}, root=tmp_path))

    assert broken.calls.read_text().startswith("-m chaos undo --quiet\n")
    assert "chaos: undone: db-1 frozen, left by process 7" in capsys.readouterr().err


def test_accounts_of_a_killed_load_are_removed_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Broken(tmp_path, monkeypatch, code=0, says="removed: 2 accounts of a killed run")
    left = broken.session.state_dir / "load" / "accounts.json"
    left.parent.mkdir()
    left.write_text("{}")
    leftovers.undo(Session(stack="lab", environ={}, root=tmp_path))

    assert broken.calls.read_text().splitlines()[0] == "-m loadtests clear"
    assert "load: removed: 2 accounts of a killed run" in capsys.readouterr().err


def test_the_verb_is_where_people_look_for_it() -> None:
    assert (chaos.chaos.__doc__ or "").startswith("Break the stack on purpose")
