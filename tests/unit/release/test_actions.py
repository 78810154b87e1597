"""What the controller's plugins decide and say, without a playbook around them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.action import (
    outcome,
    release_entry,
    release_plan,
    release_recovery,
)
from ansible_collections.dash.platform.plugins.module_utils import controller, ledger, plan
from tests.unit.release.stand import A, B, C, request, serving, three

TUNNEL = """Failed to connect to the host via ssh: i-1 cannot be reached. Next: wait
Connection closed by UNKNOWN port 65535"""
HOSTS = ["edge-1", "app-blue-1", "db-1"]


def play(**variables: dict[str, Any]) -> dict[str, Any]:
    """Return task variables of a play over HOSTS; keywords set host variables (edge_1, ...)."""
    roles = {"edge-1": "edge", "app-blue-1": "app", "db-1": "db"}
    hostvars = {
        h: {"dash_role": roles[h], "dash_color": "blue" if roles[h] == "app" else ""} for h in HOSTS
    }
    for name, value in variables.items():
        hostvars[name.replace("_", "-")] |= value
    return {"ansible_play_hosts_all": HOSTS, "ansible_play_hosts": [], "hostvars": hostvars}


def everywhere(**facts: Any) -> dict[str, Any]:
    return play(**{h.replace("-", "_"): dict(facts) for h in HOSTS})


# Facts of all hosts, as the planner sees them


def test_a_host_without_facts_is_unreachable_and_says_why_when_it_can() -> None:
    variables = play(
        edge_1={"facts": {"fence": 3, "clock": time.time()}},
        app_blue_1={"facts": {"failed": True, "msg": "fence is not a number\nmore"}},
        db_1={"facts": {"unreachable": True, "msg": "Failed to connect"}},
    )
    facts, entries = release_plan.gather(variables, "facts")

    assert facts["edge-1"]["fence"] == 3
    assert facts["app-blue-1"]["why"] == "fence is not a number"
    assert facts["app-blue-1"]["unreachable"]
    assert (facts["db-1"]["unreachable"], facts["db-1"]["why"]) == (True, "")
    assert entries == []


def test_a_host_that_the_tunnel_does_not_reach_says_what_the_tunnel_says() -> None:
    facts, _ = release_plan.gather(
        play(db_1={"facts": {"unreachable": True, "msg": TUNNEL}}), "facts"
    )

    assert (facts["db-1"]["why"], facts["db-1"]["cure"]) == ("i-1 cannot be reached", "wait")


def test_what_its_cloud_says_of_a_host_that_does_not_answer_counts_most() -> None:
    variables = play(db_1={"facts": {"unreachable": True, "msg": TUNNEL}})
    variables["hostvars"]["db-1"]["dash_trouble"] = "i-1 is stopped. Next: start it"
    facts, _ = release_plan.gather(variables, "facts")

    assert (facts["db-1"]["why"], facts["db-1"]["cure"]) == ("i-1 is stopped", "start it")


@pytest.mark.parametrize(
    ("offset", "skew"), [(-10.0, 0.0), (-40.0, 0.0), (-60.0, -60.0), (7.0, 7.0)]
)
def test_facts_that_waited_to_be_read_are_no_skewed_clock(offset: float, skew: float) -> None:
    variables = play(edge_1={"facts": {"fence": 3, "clock": time.time() + offset}})
    facts, _ = release_plan.gather(variables, "facts")
    assert facts["edge-1"]["clock_skew"] == pytest.approx(skew, abs=1.0)


def test_the_ledgers_of_edges_and_database_are_one() -> None:
    one, two, three_ = ({"id": str(n), "fence": n, "at": "x"} for n in (1, 2, 3))
    variables = play(
        edge_1={"facts": {"fence": 3, "clock": 0, "ledger": [three_, one]}},
        db_1={"facts": {"fence": 3, "clock": 0, "ledger": [two, one]}},
    )
    assert release_plan.gather(variables, "facts")[1] == [one, two, three_]


def test_a_dead_holder_of_this_machine_is_named() -> None:
    dead = {**controller.holder(), "pid_start": 1}
    live = {"id": "live", "holder": controller.holder()}
    assert release_plan.dead_lease({"e": {"lease": live}, "f": {"lease": None}}) == ""
    assert release_plan.dead_lease({"e": {"lease": {"id": "old", "holder": dead}}}) == "old"


# Why it failed


def failing(name: str, msg: str) -> dict[str, Any]:
    return {"ansible_failed_task": {"name": name}, "ansible_failed_result": {"msg": msg}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("5 stage | Start it", "5 stage on app-blue-1: it broke"),
        ("release : 5 stage | Start it", "5 stage on app-blue-1: it broke"),
        ("", "app-blue-1: it broke"),
    ],
)
def test_a_failure_names_step_host_and_first_line(name: str, said: str) -> None:
    variables = play(app_blue_1=failing(name, "it broke\nTraceback"))
    assert outcome.first_failure(variables) == said


def test_hosts_that_do_not_answer_after_a_failure_are_the_reason() -> None:
    variables = play(edge_1={"release_answers": True}, db_1={"release_answers": True})
    assert outcome.first_failure(variables) == "app-blue-1 no longer answered over ssh"


def test_a_module_that_says_nothing_is_still_a_reason() -> None:
    assert outcome.first_failure(play(edge_1=failing("7 switch | x", ""))).endswith(
        "failed without a message"
    )


def test_without_a_trace_there_is_no_reason() -> None:
    assert outcome.first_failure(play()) == "no reason was recorded"


def test_every_outcome_has_its_exit_code() -> None:
    assert outcome.EXIT_CODES["reverted"] == 3
    assert outcome.EXIT_CODES["paused"] == 4
    assert {k for k, v in outcome.EXIT_CODES.items() if v == 0} == {"done", "noop", "planned"}


# How it ended


def test_an_undone_operation_is_not_done_though_no_host_is_left_in_the_play() -> None:
    variables = everywhere(release_undone=True, release_answers=True)
    assert release_entry.conclude(variables)[0] == "failed"


def test_it_went_back_when_any_edge_had_switched() -> None:
    switched = {"release_switched": {"color": "blue"}, "release_undone": True}
    assert release_entry.conclude(play(edge_1=switched))[0] == "reverted"


def test_a_skipped_switch_is_no_switch() -> None:
    skipped = {"release_switched": {"skipped": True}, "release_undone": True}
    assert release_entry.conclude(play(edge_1=skipped))[0] == "failed"


def test_an_inconclusive_proof_waits() -> None:
    judged = {"verdict": "inconclusive", "why": "too few"}
    variables = everywhere(release_proved={"judged": judged})
    assert release_entry.conclude(variables) == ("paused", "too few")


def test_figures_are_the_probers_own_words() -> None:
    words = "0 failed of 12,403 requests, 0 of 40 sockets lost, worst gap 38 ms"
    assert release_entry.summary({"sent": 12_403, "summary": words}) == words
    assert release_entry.summary({}) == "the prober sent nothing"
    assert release_entry.summary({"sent": 0, "summary": words}) == "the prober sent nothing"


MADE = plan.deploy(request("deploy", C), three().facts, three().ledger).as_dict()


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("done", "0.3.0 is active on green: FIGURES; NOTE"),
        ("reverted", "deploy of 0.3.0 went back to blue: WHY. FIGURES; NOTE"),
        ("failed", "deploy of 0.3.0 failed before the switch, clients noticed nothing: WHY; NOTE"),
        (
            "paused",
            "deploy of 0.3.0 is inconclusive: WHY. Next: ./dash promote or ./dash abort; NOTE",
        ),
    ],
)
def test_the_last_line_says_how_it_ended(ended: str, said: str) -> None:
    assert release_entry.line_for(ended, "WHY", MADE, "FIGURES", ["NOTE"]) == said


def test_every_end_of_a_migration_has_its_line() -> None:
    made = {**MADE, "kind": "migrate"}
    assert release_entry.line_for("done", "", made, "", []) == (
        "the held migrations of 0.3.0 are applied"
    )
    assert "the steps before it stand: WHY" in release_entry.line_for("failed", "WHY", made, "", [])


def test_notes_name_rows_schema_and_what_was_left() -> None:
    down = {"down": [{"left": True, "risk": [{"what": "users.age", "rows": 3}]}, {"left": False}]}
    variables = play(
        app_blue_1={"release_down": {"document": down}},
        edge_1={"release_left": True, **failing("9 hand over | x", "no socket")},
    )
    notes = release_entry.notes_of(variables, {**MADE, "schema_left": "the database is away"})

    assert notes[0].startswith("users.age: 3 rows would be lost")
    assert notes[1] == "the database is away"
    assert notes[2] == "not all was handed over: 9 hand over on edge-1: no socket"


# Recovery

OPERATION = "0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10"


def left(state: str, made: plan.Plan) -> dict[str, Any]:
    return {"id": OPERATION, "kind": "x", "state": state, "plan": made.as_dict(), "version": "x"}


def deploying() -> plan.Plan:
    s = serving()
    return plan.deploy(request("deploy", C), s.facts, s.ledger)


@pytest.mark.parametrize(
    ("state", "outcome_", "said"),
    [
        ("begun", "abandoned", "before the switch: undone, clients noticed nothing"),
        ("paused", "abandoned", "waited for an answer: undone"),
        ("switched", "reverted", "after the switch: traffic is back on the old colour"),
        ("reverted", "reverted", "after the switch: traffic is back on the old colour"),
    ],
)
def test_what_was_not_confirmed_is_undone(state: str, outcome_: str, said: str) -> None:
    made = release_recovery.settle(left(state, deploying()), 12, 0.0)

    assert said in made["line"]
    assert (made["traffic"], made["color"]) == ("reverted", "green")
    assert made["restore"] == {
        "color": "blue",
        "version": A.name,
        "config_hash": A.current["config_hash"],
    }
    entry = made["entry"]
    assert (entry["kind"], entry["outcome"], entry["fence"]) == ("recover", outcome_, 12)
    assert (entry["id"] != OPERATION, entry["quarantine"]) == (True, [])


def test_what_was_confirmed_is_finished() -> None:
    s = serving()
    made = plan.rollback(request("rollback"), s.facts, s.ledger)
    settled = release_recovery.settle(left("confirmed", made), 12, 0.0)

    assert "after it was confirmed: finished" in settled["line"]
    assert (settled["traffic"], settled["color"]) == ("confirmed", "blue")
    assert settled["restore"]["color"] == release_recovery.NOWHERE
    entry = settled["entry"]
    assert (entry["id"], entry["kind"], entry["outcome"]) == (OPERATION, "rollback", "done")
    assert (entry["color"], entry["quarantine"]) == ("blue", [B.digest])


def test_a_promoted_deploy_is_taken_away_though_it_was_staged_before() -> None:
    made = deploying()
    made.warm = True
    assert release_recovery.settle(left("begun", made), 1, 0.0)["restore"]["version"] == A.name


def test_an_interrupted_switch_touches_no_release() -> None:
    s = serving()
    made = plan.switch(request("switch"), s.facts, s.ledger)
    settled = release_recovery.settle(left("begun", made), 1, 0.0)
    assert settled["restore"]["color"] == release_recovery.NOWHERE


def test_a_first_deploy_leaves_an_empty_colour() -> None:
    made = deploying()
    made.restore = None
    restore = release_recovery.settle(left("begun", made), 1, 0.0)["restore"]
    assert restore == {"color": "blue", "version": "", "config_hash": ""}


def test_an_interrupted_migration_is_not_called_undone() -> None:
    made = deploying()
    made.kind, made.warm = "migrate", True
    line = release_recovery.settle(left("begun", made), 1, 0.0)["line"]
    assert line == "the migrate of 0.3.0 was interrupted: the steps that it had finished stand"


def test_of_several_edges_the_furthest_tells() -> None:
    states = ["begun", "confirmed", "switched"]
    facts = {f"edge-{s}": {"operation": {"state": s}} for s in states}
    found = release_recovery.interrupted(facts)

    assert found == {"state": "confirmed"}
    facts["edge-back"] = {"operation": {"state": "reverted"}}
    assert release_recovery.interrupted(facts) == {"state": "reverted"}  # it cannot be confirmed
    assert release_recovery.interrupted({"edge-1": {"operation": None}}) is None


def test_every_entry_of_a_recovery_may_stand_in_the_ledger() -> None:
    for state in ("begun", "paused", "switched", "reverted", "confirmed"):
        ledger.check(release_recovery.settle(left(state, deploying()), 1, 0.0)["entry"])
