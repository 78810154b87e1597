"""The score is the formula that docs/reference/resilience.md tells, computed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chaos import score
from chaos.record import Record
from tests.unit.chaos import runs

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "resilience.md"


def record(**changes: Any) -> Record:
    return Record.model_validate(runs.document(**changes))


@pytest.mark.parametrize(
    ("changes", "points"),
    [
        ({"budget_burned": {}}, 4.0),
        ({"budget_burned": {"availability": 0.1, "agents": 0.25}}, 3.0),
        ({"budget_burned": {"availability": 7.0}}, 0.0),
        ({"budget_burned": {"availability": -0.5}}, 4.0),
        ({"budget_burned": {}, "recovery_seconds": 40.0}, 2.0),
        ({"budget_burned": {}, "recovery_seconds": 0.0}, 4.0),
        ({"budget_burned": {}, "recovery_seconds": None}, 0.0),
        ({"budget_burned": {}, "probes": {"n": 20, "passed": 15}}, 3.0),
        ({"budget_burned": {}, "probes": {"n": 0, "passed": 0}}, 0.0),
        ({"budget_burned": {}, "outcome": "failed"}, 2.0),
        ({"budget_burned": {}, "outcome": "undo failed"}, 0.0),
    ],
    ids=str,
)
def test_a_fault_earns_what_the_formula_says(changes: dict[str, Any], points: float) -> None:
    assert score.part(record(**changes)).points == pytest.approx(points)


def test_the_score_is_weighted() -> None:
    good = record(experiment="a", weight=3, budget_burned={})
    bad = record(experiment="b", weight=1, budget_burned={}, recovery_seconds=None)

    assert score.score([good, bad]).percent == pytest.approx(75.0)


def test_what_was_skipped_interrupted_or_never_run_is_named_and_does_not_count() -> None:
    found = score.score(
        [
            record(experiment="ran", budget_burned={}),
            record(experiment="small", outcome="skipped"),
            record(experiment="cut", outcome="interrupted"),
        ],
        ["ran", "small", "cut", "new"],
    )

    assert found.percent == pytest.approx(100.0)
    assert (found.skipped, found.interrupted, found.never) == (("small",), ("cut",), ("new",))


def test_nothing_run_is_no_score() -> None:
    assert score.score([record(outcome="skipped")]).percent is None


def test_the_page_reckons_as_the_code_does() -> None:
    """Its worked example: every row earns what it says, and the rows give its score."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| (.+) \| (\d) \| (\d+) of (\d+) "
        r"\| (\S+) \| (\d+) s \| (.+) % \| ([\d.]+) \|$",
        text,
        re.MULTILINE,
    )
    assert len(rows) >= 4
    records = []
    for name, outcome, weight, passed, n, recovery, target, burned, points in rows:
        one = record(
            experiment=name,
            outcome=outcome,
            weight=int(weight),
            probes={"n": int(n), "passed": int(passed)},
            recovery_seconds=None if recovery == "never" else float(recovery),
            target_recovery_seconds=float(target),
            budget_burned={"availability": float(burned) / 100},
        )
        assert f"{score.part(one).points:.2f}" == points, name
        records.append(one)

    [told] = re.findall(r"\*\*([\d.]+) %\*\*", text)
    assert told == f"{score.score(records).percent:.1f}"
