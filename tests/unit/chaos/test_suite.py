"""Experiments one after the other: what is run, told and undone."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from chaos import suite
from chaos.__main__ import main
from chaos.unit import actions as unit
from tests.unit.chaos import world as worlds
from tests.unit.chaos.world import World, opened

RECORD = """#!/bin/sh
name=$(basename "$6" .yaml)
mkdir -p "{runs}/20261129T010203-$name"
echo '{{"outcome": "{outcome}", "line": "'$name': {outcome}", "started": 1}}' \
  >"{runs}/20261129T010203-$name/record.json"
"""
SILENT = """#!/bin/sh
echo "[2026-11-29 01:36:38 CRITICAL] chaos already runs on this stack"
exit 1
"""


@pytest.fixture(name="lab")
def _lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack's directory, with a program in the place of `chaos`."""
    monkeypatch.setattr(suite, "read_inventory", lambda _name: worlds.stack(tmp_path))
    monkeypatch.setattr(suite, "Client", World)
    monkeypatch.setattr(suite, "directory_of", lambda _environ: tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    return tmp_path


def program(lab: Path, text: str, **values: str) -> None:
    path = lab / "chaos-program"
    path.write_text(text.format(runs=lab / "chaos" / "runs", **values) if values else text)
    path.chmod(0o755)
    (lab / "chaos").mkdir(exist_ok=True)
    (lab / "bin").mkdir(exist_ok=True)
    (lab / "bin" / "chaos").symlink_to(path)


def test_an_experiment_that_passed_is_told_by_its_record(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(lab, RECORD, outcome="passed")

    assert main(["run", "app_stopped"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1/1 app_stopped: about 110 s", "    app_stopped: passed", "1 passed",
    ]  # fmt: skip


@pytest.mark.parametrize(("outcome", "code"), [("skipped", 0), ("failed", 1), ("undo failed", 1)])
def test_what_failed_is_the_exit_code_and_what_was_skipped_is_not(
    lab: Path, outcome: str, code: int
) -> None:
    program(lab, RECORD, outcome=outcome)
    assert main(["run", "app_stopped"]) == code


def test_with_json_there_is_one_document_and_progress_elsewhere(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(lab, RECORD, outcome="failed")
    assert main(["run", "app_stopped", "--json"]) == 1

    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (document["outcome"], document["exit_code"], document["line"]) == (
        "failed", 1, "1 failed",
    )  # fmt: skip
    assert "1/1 app_stopped" in said.err


def test_one_that_was_refused_says_why(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(lab, SILENT)
    assert main(["run", "app_stopped"]) == 1
    assert "app_stopped: chaos already runs on this stack" in capsys.readouterr().out


def test_ctrl_c_reaches_a_run_through_us_alone(lab: Path) -> None:
    """It is in a group of its own: the terminal would tell it once more."""
    program(lab, f"#!/bin/sh\nps -o pgid= -p $$ >{lab}/group\nexit 1\n")
    assert main(["run", "app_stopped"]) == 1
    assert int((lab / "group").read_text()) != os.getpgrp()


def test_a_stack_that_does_not_allow_it_is_not_even_tried(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite, "read_inventory", lambda _name: worlds.stack(lab, dash_chaos=False))
    assert main(["run", "all"]) == 1
    assert "lab does not allow chaos: set dash:chaos" in capsys.readouterr().err


def test_an_unknown_experiment_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "moon"]) == 2
    assert "there is no experiment 'moon': known are all, prove, app_" in capsys.readouterr().err


def test_nothing_left_is_said_or_kept_quiet(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["undo"]), main(["undo", "--quiet"])) == (0, 0)
    assert capsys.readouterr().out == "nothing is left to undo\n"
    assert main(["undo", "moon"]) == 1
    assert not (lab / "chaos" / "lock").exists()


def test_what_a_dead_run_left_is_undone_and_what_lives_is_not(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(lab) as (run, _):
        unit.stop("app-blue-1")
        unit.stop("app-green-1")
    worlds.gone(run.journal, run.faults[0])

    assert main(["undo", "--quiet"]) == 0
    assert "undone: dash-app.service on app-blue-1 stopped" in capsys.readouterr().out
    assert [fault.host for fault in run.journal.read()] == ["app-green-1"]


def test_one_fault_can_be_undone_by_its_name_whoever_has_it(lab: Path) -> None:
    with opened(lab) as (run, _):
        unit.stop("app-blue-1")
    assert main(["undo", run.faults[0].id]) == 0
    assert run.journal.read() == []


def test_the_list_tells_how_each_ended_last(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(lab, RECORD, outcome="passed")
    main(["run", "app_stopped"])
    capsys.readouterr()
    assert main(["list", "--json"]) == 0

    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["app_stopped"]["last"].startswith("passed on 1970-01-01")
    assert rows["app_frozen"]["last"] == "never run here"
    assert main(["list"]) == 0
    assert "app, weight 4, AppDown, NoServerLeft; passed on" in capsys.readouterr().out
