"""Objectives are judged faster for a while, and then as before."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from chaos import levers
from chaos.client import WorldError
from chaos.slo import actions
from tests.unit.chaos import world


def test_the_rules_that_are_loaded_are_those_of_monitoring(tmp_path: Path) -> None:
    with world.opened(tmp_path) as (_, seen):
        actions.shorten_windows(60)

    host, script = seen.scripts[-1]
    rules = script.partition("END-OF-RULES'\n")[2].partition("END-OF-RULES")[0]
    names = [group["name"] for group in yaml.safe_load(rules)["groups"]]
    assert (host, names) == ("monitor-1", ["slo_scaled", "slo_alerts_scaled"])
    assert script.endswith("systemctl reload prometheus")


def test_its_pair_takes_them_away_twice(tmp_path: Path) -> None:
    with world.opened(tmp_path) as (run, seen):
        actions.shorten_windows(60)
        [fault] = run.journal.read()
        levers.undo_again(fault)
        actions.restore_windows()

        assert run.journal.read() == []
    assert all(f"rm {actions.FILE}" in script for _, script in seen.scripts[-2:])


def test_a_factor_that_cannot_be_is_told_before_anything_is_touched(tmp_path: Path) -> None:
    with (
        world.opened(tmp_path) as (run, seen),
        pytest.raises(WorldError, match="windows divided by 1: 2 to 90"),
    ):
        actions.shorten_windows(1)

    assert (seen.scripts, run.journal.read()) == ([], [])


def test_without_a_run_nothing_is_touched() -> None:
    actions.restore_windows()
