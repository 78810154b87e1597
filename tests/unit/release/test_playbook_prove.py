"""What a release must stand besides, before it serves: chaos, or load beside the old one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.release.ending import ended, untouched
from tests.unit.release.stand import C, serving

if TYPE_CHECKING:
    from tests.unit.release.theatre import Theatre

# Each plays a whole playbook, 5 to 30 s: with --all.
pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]
PASSED = {"name": "idle_killed", "outcome": "passed", "line": "idle_killed: passed"}


def test_a_release_that_stands_chaos_is_switched_to_and_the_ledger_says_what_it_stood(
    deploying: Theatre,
) -> None:
    deploying.scenario["records"] = [PASSED]
    played = deploying.play("deploy", dash_prove="chaos", dash_why="a better echo")

    assert played.entry["verdicts"]["chaos"] == [PASSED]
    assert played.hosts("edge_switch", state="confirmed") == ["edge-1"]
    asked = json.loads((deploying.directory / "chaos.json").read_text())
    assert asked["words"] == ["run", "prove", "--json"]
    assert asked["why"] == f"deploy of {C.name}: a better echo"


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([PASSED, {"outcome": "failed", "line": "idle_cut: bad answers"}], "idle_cut: bad answers"),
        ([PASSED, {"outcome": "skipped", "line": "idle_cut: skipped"}], "idle_cut: skipped"),
        ([], "said"),
        (None, "lab is broken by somebody else now"),
    ],
    ids=["failed", "skipped proves nothing", "none was run", "refused"],
)
def test_a_release_that_does_not_stand_chaos_never_serves(
    deploying: Theatre, records: list[dict[str, str]] | None, why: str
) -> None:
    if records is not None:
        deploying.scenario["records"] = records
    played = deploying.play("deploy", dash_prove="chaos")

    assert untouched(played)
    assert ended(played, "failed", 1).endswith(why)


def test_a_stack_that_may_not_be_broken_refuses_before_anything_changes(
    deploying: Theatre,
) -> None:
    deploying.chaos = False
    deploying.set(serving().small(), C)
    played = deploying.play("deploy", dash_prove="chaos")

    assert "lab does not allow chaos: set dash:chaos to" in played.line
    assert not played.of("lease")


def test_nothing_is_broken_unless_it_is_asked_for(deploying: Theatre) -> None:
    assert deploying.play("deploy").entry["verdicts"]["chaos"] == []
    assert not (deploying.directory / "chaos.json").exists()


COMPARED = {"verdict": "pass", "why": [], "n": 2400, "blocks": 19, "margin": 0.25, "exit_code": 0}


def test_a_release_that_is_no_slower_under_load_is_switched_to_and_the_ledger_says_of_how_many(
    deploying: Theatre,
) -> None:
    deploying.scenario["compared"] = COMPARED
    played = deploying.play("deploy", dash_prove="load")

    judged = played.entry["verdicts"]["load"]
    assert (judged["verdict"], judged["n"], judged["blocks"]) == ("pass", 2400, 19)
    assert played.hosts("edge_switch", state="confirmed") == ["edge-1"]
    asked = json.loads((deploying.directory / "load.json").read_text())
    assert asked == ["load", "compare", "--judged", "idle", "--json"]


@pytest.mark.parametrize(
    ("compared", "why"),
    [
        ({**COMPARED, "verdict": "fail", "why": ["p50 of api is 80 ms"]}, "p50 of api is 80 ms"),
        ({"verdict": "inconclusive", "exit_code": 2}, "it ended with 0"),
        (None, "load: production is not loaded"),
    ],
    ids=["slower", "could not begin", "refused"],
)
def test_a_release_that_is_slower_under_load_or_not_compared_never_serves(
    deploying: Theatre, compared: dict[str, Any] | None, why: str
) -> None:
    if compared is not None:
        deploying.scenario["compared"] = compared
    played = deploying.play("deploy", dash_prove="load")

    assert untouched(played)
    assert ended(played, "failed", 1).endswith(why)


def test_a_release_that_may_be_slower_under_load_waits_for_an_answer(deploying: Theatre) -> None:
    unclear = {**COMPARED, "verdict": "inconclusive", "why": ["perhaps slower"]}
    deploying.scenario["compared"] = unclear
    played = deploying.play("deploy", dash_prove="load")

    assert played.of("operation", state="paused")
    assert not played.of("edge_switch")
    assert "perhaps slower. Next: ./dash promote or ./dash abort" in ended(played, "paused", 4)


def test_nothing_is_loaded_unless_it_is_asked_for(deploying: Theatre) -> None:
    assert deploying.play("deploy").entry["verdicts"]["load"] == {}
    assert not (deploying.directory / "load.json").exists()
