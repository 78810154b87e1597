"""Stairs end at the knee, and what they are by it; a comparison judges only whether it measured."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from loadtests import kinds, shapes
from loadtests.judge import Judge
from loadtests.recorder import Recorder, Window

QUICK, SLOW = 10, 400  # ms; the limit of p95 of the API lies between


def judge(shape: str, *stages: int, lag: int = 0, **sockets: int) -> Judge:
    """Return the judge of a run whose stages took so many milliseconds each."""
    environment: Any = SimpleNamespace(runner=None, stats=SimpleNamespace(errors={}, entries={}))
    recorder = Recorder(environment, shapes.find(shape), began=0.0)
    recorder.windows = [
        Window(at=25.0, seconds=25.0, stage=number, users=27, failed=Counter(),
               counts={kinds.API: Counter({ms: 100}), kinds.FIRST: Counter({ms: 50})})
        for number, ms in enumerate(stages)
    ]  # fmt: skip
    made = Judge(environment, recorder)
    counts = {"agents": 5, "lost": 0, "resumed": 0, "sent": 9, "arrived": 9, "missing": 0,
              "doubled": 0, **sockets}  # fmt: skip
    made.hear("", {
        "health": {"seconds": 25, "busy": 0, "cpu": 5.0}, "lag": {str(lag): 100},
        "due": 150, "sent": 150, "sockets": counts,
    })  # fmt: skip
    return made


def test_stairs_go_on_while_stages_hold_and_end_after_the_one_that_misses() -> None:
    made = judge("knee", QUICK, SLOW)

    assert [made.over(at) for at in (10.0, 26.0, 49.0)] == [False, False, False]
    assert (made.over(51.0), made.knee) == (True, 1)
    assert made.over(52.0)


def test_shapes_without_stairs_go_on_whatever_they_miss() -> None:
    assert not judge("spike", SLOW, SLOW).over(60.0)


def test_a_knee_that_was_found_is_the_result_and_named() -> None:
    made = judge("knee", QUICK, SLOW)
    made.over(51.0)

    found = made.verdict()

    assert (found.outcome, found.code) == ("passed", 0)
    assert found.why == ("stage 2: api p95 is 400 ms, 250 ms is allowed",)


def test_a_first_stage_that_misses_is_missed() -> None:
    made = judge("knee", SLOW)
    made.over(26.0)

    assert (made.verdict().outcome, made.knee) == ("missed", 0)


def test_stairs_that_nothing_stopped_did_not_find_the_knee() -> None:
    assert judge("knee", QUICK).verdict().why == ("no stage missed a threshold: the knee is above",)


@pytest.mark.parametrize("shape", ["knee", "compare"])
def test_a_slow_client_finds_no_knee_and_compares_nothing(shape: str) -> None:
    made = judge(shape, QUICK, SLOW, lag=500)
    made.over(51.0)

    assert made.verdict().outcome == "inconclusive"


def test_a_lost_socket_is_no_knee() -> None:
    made = judge("knee", QUICK, SLOW, lost=1)
    made.over(51.0)

    assert made.verdict().why == ("sockets lost is 1, 0 is allowed",)


def test_a_comparison_that_measured_is_passed_on_whatever_was_slow() -> None:
    assert judge("compare", SLOW).verdict().outcome == "passed"
    assert judge("compare", SLOW, lost=1).verdict().outcome == "inconclusive"


def test_a_first_token_is_part_of_its_stream_and_no_request() -> None:
    made = judge("knee", QUICK)

    assert made.document(made.verdict())["stages"][0]["rate"] == 4.0


def test_a_run_that_was_ended_early_judges_nothing() -> None:
    made = judge("100", QUICK)
    made.recorder.began = 1e12  # in the future: it took less than nothing
    made.end()

    assert made.interrupted
    assert made.verdict().outcome == "inconclusive"
