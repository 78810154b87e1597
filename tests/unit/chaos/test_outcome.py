"""How a run ended: each verdict from what was seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from chaos import outcome
from chaos.metadata import Metadata
from chaos.outcome import Seen, judge

ABOUT = {
    "name": "dash", "group": "app", "weight": 3, "target_recovery_seconds": 10, "takes": 60,
    "alerts": ["AppDown"], "in_flight": {"get": 0, "post": 2, "sockets": None, "streams": 0},
}  # fmt: skip
REPORT: dict[str, Any] = {
    "by_kind": {
        "keepalive": {"n": 100, "failed": 0, "excused": 0},
        "fresh": {"n": 50, "failed": 0, "excused": 0},
        "post": {"n": 40, "failed": 2, "excused": 10},
    },
    "last_failed": 104.5, "last_lost": None,
    "sockets": {"n": 10, "lost": 7}, "streams": {"n": 9, "broken": 0},
}  # fmt: skip
PROBE = {"type": "probe", "name": "AppDown is told"}
JOURNAL: dict[str, Any] = {
    "status": "completed", "deviated": False,
    "steady_states": {
        "before": {"steady_state_met": True, "probes": []},
        "during": [{"steady_state_met": True}, {"steady_state_met": False}],
        "after": {"steady_state_met": True},
    },
    "run": [
        {"activity": {"type": "action", "name": "stop it"}, "status": "succeeded"},
        {"activity": PROBE, "status": "succeeded"},
    ],
}  # fmt: skip
SEEN = Seen(
    metadata=Metadata.model_validate(ABOUT), journal=JOURNAL, report=REPORT, began=100.0,
    undone=130.0, settled=140.5,
    alerts=[{"name": "AppDown", "fired": 121.0, "resolved": 138.0, "detection_seconds": 21.0}],
)  # fmt: skip


def seen(**changed: Any) -> Seen:
    return dataclasses.replace(SEEN, **changed)


def report(**changed: Any) -> dict[str, Any]:
    return {**REPORT, **changed}


def test_a_run_that_kept_its_claim_has_passed() -> None:
    assert judge(SEEN) == ("passed", "")


def test_recovery_is_from_the_fault_to_the_last_bad_answer() -> None:
    assert SEEN.recovery == 4.5
    assert seen(report=report(last_failed=None, last_lost=107.0)).recovery == 7.0
    assert seen(report=report(last_failed=99.0)).recovery == 0.0
    assert seen(report=report(last_failed=None)).recovery == 0.0
    assert seen(began=None).recovery is None


def test_looks_at_the_hypothesis_and_probes_count_actions_do_not() -> None:
    assert outcome.probes(JOURNAL) == {"n": 5, "passed": 4}
    assert outcome.probes({}) == {"n": 0, "passed": 0}


@pytest.mark.parametrize(
    ("changed", "verdict", "reason"),
    [
        ({"not_undone": ("it is NOT undone",)}, "undo failed", "it is NOT undone"),
        ({"journal": {"status": "interrupted"}}, "interrupted", "somebody ended it"),
        (
            {"journal": {"status": "interrupted", "safeguards": {"triggered_by": "budget"}}},
            "interrupted", "the safeguard budget ended it",
        ),
        (
            {"report": report(by_kind={"post": {"n": 9, "failed": 3, "excused": 0}})},
            "failed", "3 post lost or failed, 2 allowed",
        ),
        (
            {"report": report(by_kind={"fresh": {"n": 9, "failed": 1, "excused": 0}})},
            "failed", "1 get lost or failed, 0 allowed",
        ),
        (
            {"report": report(streams={"n": 9, "broken": 1})},
            "failed", "1 streams lost or failed, 0 allowed",
        ),
        ({"settled": None}, "failed", "not well again 240 s after the undo"),
        ({"undone_twice": False}, "failed", "undoing it a second time did harm or failed"),
        ({"began": None}, "failed", "no fault was made"),
        (
            {"alerts": [{"name": "AppDown", "detection_seconds": None}]},
            "failed", "AppDown did not fire",
        ),
        (
            {"runbook": {"name": "AppDown", "commands": ["true"], "mended": False}},
            "failed", "the commands of docs/runbooks/AppDown.md do not mend it",
        ),
        (
            {"journal": {**JOURNAL, "deviated": True, "steady_states": {
                "after": {"steady_state_met": False, "probes": [
                    {"activity": {"name": "few bad answers"}, "output": 0.4}]}}}},
            "failed", "few bad answers: 0.4",
        ),
        (
            {"journal": {"status": "failed", "steady_states": {
                "before": {"steady_state_met": False, "probes": [
                    {"activity": {"name": "few bad answers"}}]}}}},
            "failed", "not steady before the fault: few bad answers",
        ),
        (
            {"journal": {**JOURNAL, "run": [{"activity": PROBE, "status": "failed", "exception": [
                "Traceback", "chaoslib.exceptions.ActivityFailed: it was not told\n"]}]}},
            "failed", "AppDown is told: it was not told",
        ),
    ],
)  # fmt: skip
def test_a_run_fails_for_one_reason_that_is_named(
    changed: dict[str, Any], verdict: str, reason: str
) -> None:
    assert judge(seen(**changed)) == (verdict, reason)


def test_a_probe_that_was_interrupted_did_not_hold() -> None:
    """Chaostoolkit leaves it without a status."""
    begun = {**JOURNAL, "status": "interrupted", "run": [{"activity": PROBE, "output": None}]}
    assert outcome.probes(begun) == {"n": 5, "passed": 3}
    assert judge(seen(journal=begun)) == ("interrupted", "somebody ended it")
    assert judge(seen(journal={**begun, "status": "completed"}))[0] == "failed"


@pytest.mark.parametrize(
    ("tolerance", "output", "wrong"),
    [
        (1, 1, ""),
        (1, 3, "it ended with 1: 3, and not within 1"),
        ({"type": "range", "range": [0, 0.01]}, 0.01, ""),
        (
            {"type": "range", "range": [0, 0.01]}, 0.02,
            "it ended with 1: 0.02, and not within {'type': 'range', 'range': [0, 0.01]}",
        ),
        (None, 3, ""),
    ],
)  # fmt: skip
def test_a_probe_of_the_method_is_held_to_its_tolerance(
    tolerance: object, output: float, wrong: str
) -> None:
    """Chaostoolkit looks at tolerances of the hypothesis alone."""
    probe = {"type": "probe", "name": "it ended with 1"}
    if tolerance is not None:
        probe["tolerance"] = tolerance  # type: ignore[assignment] # as YAML gives it
    ran = {**JOURNAL, "run": [{"activity": probe, "status": "succeeded", "output": output}]}

    assert judge(seen(journal=ran)) == (("failed", wrong) if wrong else ("passed", ""))
    assert outcome.probes(ran)["passed"] == (3 if wrong else 4)


def test_the_record_has_what_the_report_and_the_score_read() -> None:
    document = outcome.record(
        "app_down", "a claim", SEEN, started=90.0, ended=150.0, why="", burned={"availability": 0.1}
    )

    assert document["requests"]["post"] == {"n": 30, "failed": 2}
    assert document["after_undo_seconds"] == 10.5
    assert document["fault"] == {"started": 100.0, "ended": 130.0}
    assert document["in_flight_allowed"] == {"get": 0, "post": 2, "sockets": None, "streams": 0}
    assert document["line"] == (
        "app_down: passed, AppDown after 21 s, bad answers until 4.5 s, "
        "2 of 180 requests failed, 7 sockets lost"
    )
