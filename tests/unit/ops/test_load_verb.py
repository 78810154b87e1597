"""./dash load: what it hands to python -m loadtests, and the exit codes it hands back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ops import leftovers, pulumi, session
from ops.cli import main
from tests.unit.ops.standin import stand_in


@pytest.fixture(name="calls")
def _calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    calls = tmp_path / "calls"
    calls.touch()
    monkeypatch.setattr(pulumi, "environment", lambda _stack: {"PATH": "/usr/bin:/bin"})
    monkeypatch.setattr(leftovers, "undo", lambda _session: calls.write_text("undone\n"))
    stand_in(calls.parent, monkeypatch, code=0)
    return calls


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
    stand_in(calls.parent, monkeypatch, code=code)
    assert main(["load", "smoke"]) == mine


BLOCK = {"api": {"n": 50, "failed": 0, "p50_ms": 40.0, "p95_ms": 90.0}}
SLOW = {"api": {"n": 50, "failed": 0, "p50_ms": 80.0, "p95_ms": 180.0}}


@pytest.fixture(name="folder")
def _folder(calls: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs of a stack of this test lie."""
    monkeypatch.setattr(session, "ROOT", calls.parent)
    monkeypatch.setattr(time, "strftime", lambda *_: "now")
    folder = calls.parent / ".dash" / "lab" / "load" / "runs" / "now-compare"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("blocks", "code", "says"),
    [
        ([BLOCK] * 12, 0, "pass (n = 600 in 12 blocks)"),
        (
            [SLOW] * 12, 1,
            "fail (n = 600 in 12 blocks): ./dash rollback brings the old one back",
        ),
        ([BLOCK] * 3, 4, "inconclusive (n = 150 in 3 blocks)"),
    ],
)  # fmt: skip
def test_a_comparison_is_judged_and_says_what_to_type(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    blocks: list[dict[str, Any]],
    code: int,
    says: str,
) -> None:
    result = {"blocks": [{"old": BLOCK, "new": new} for new in blocks]}
    (folder / "result.json").write_text(json.dumps(result))

    assert main(["load", "compare"]) == code

    assert capsys.readouterr().out.splitlines()[-1] == says
    assert json.loads((folder / "comparison.json").read_text())["blocks"] == len(blocks)
    assert (folder.parents[4] / "calls").read_text().splitlines()[1:] == [
        f"-m loadtests run compare --judged active --out {folder}",
        f"-m loadtests report {folder}",
    ]


def test_a_comparison_is_one_document_for_a_program(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "result.json").write_text(json.dumps({"blocks": [{"old": BLOCK, "new": SLOW}] * 9}))

    assert main(["load", "compare", "--judged", "idle", "--json"]) == 1

    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["exit_code"]) == ("fail", 1)


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_client_that_measured_nothing_is_not_judged(
    calls: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    stand_in(calls.parent, monkeypatch, code=4)

    assert main(["load", "compare", *words]) == 4
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("words", [["--keep"], ["--processes", "2"], ["--judged", "red"]])
def test_what_a_comparison_cannot_do_is_wrong_usage(calls: Path, words: list[str]) -> None:
    assert main(["load", "compare", *words]) == 2
    assert "-m loadtests" not in calls.read_text()


def test_no_process_at_all_is_wrong_usage(calls: Path) -> None:
    assert main(["load", "smoke", "--processes", "0"]) == 2
    assert calls.read_text() == ""
