"""A record is read strictly, and what is wrong with one is told in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaos import record
from tests.unit.chaos import runs


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = record.Record.read(runs.leave(tmp_path))

    assert (found.experiment, found.weight, found.outcome) == ("database_killed", 4, "passed")
    assert found.alerts == (
        record.Alert(
            name="DatabaseDown",
            fired=runs.ZERO + 17.5,
            resolved=runs.ZERO + 41.0,
            detection_seconds=17.5,
        ),
    )
    assert found.probes.success == 1.0


def test_what_a_newer_writer_adds_is_passed_over(tmp_path: Path) -> None:
    assert record.Record.read(runs.leave(tmp_path, mood="good")).weight == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weight": 9}, "weight: input should be less than or equal to 5, not 9"),
        ({"outcome": "great"}, "outcome: input should be 'passed'"),
        ({"recovery_seconds": -1}, "recovery_seconds: input should be greater than or equal to 0"),
        ({"alerts": [{"fired": 1.0}]}, "alerts.0.name: field required"),
        ({"target_recovery_seconds": 0}, "target_recovery_seconds: input should be greater"),
    ],
)
def test_a_broken_record_is_told_in_one_line(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    folder = runs.leave(tmp_path, **changes)

    with pytest.raises(record.BadRecord) as told:
        record.Record.read(folder)

    assert str(told.value).startswith(f"{folder}/record.json: {words}")
    assert "\n" not in str(told.value)


def test_a_record_that_is_cut_off_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    runs.leave(tmp_path)
    cut = runs.leave(tmp_path, stamp="20261129T020000", experiment="edge_restarted")
    (cut / "record.json").write_text('{"experiment": "edge', encoding="utf-8")
    (tmp_path / "20261129T030000-app_killed").mkdir()  # still runs, or was killed

    found, broken = record.runs(tmp_path)

    assert [r.experiment for r in found.values()] == ["database_killed"]
    assert len(broken) == 1
    assert str(cut) in broken[0]
    assert "json" in broken[0]


def test_a_record_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(record.BadRecord, match="No such file"):
        record.Record.read(tmp_path)


@pytest.mark.parametrize(
    ("outcomes", "counts"),
    [
        (("passed", "failed"), "failed"),
        (("failed", "passed"), "passed"),
        (("failed", "interrupted"), "failed"),
        (("interrupted", "interrupted"), "interrupted"),
        (("interrupted", "passed"), "passed"),
        (("passed", "skipped"), "skipped"),
    ],
)
def test_the_newest_run_that_tells_something_counts(
    tmp_path: Path, outcomes: tuple[str, str], counts: str
) -> None:
    for hour, outcome in enumerate(outcomes):
        runs.leave(tmp_path, stamp=f"20261129T0{hour}0000", outcome=outcome)
    found, _ = record.runs(tmp_path)

    [one] = record.newest(found).values()

    assert one.outcome == counts
