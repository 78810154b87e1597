"""Rollback, switch, promote, abort, migrate, status and app, played against stand-ins."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import controller, plan
from tests.unit.release.stand import A, B, C, Stand, request, serving, three

if TYPE_CHECKING:
    from tests.unit.release.conftest import Preview
    from tests.unit.release.theatre import Played, Theatre

# Each plays a whole playbook, 5 to 30 s: with --all. The sample has the real lab instead.
pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]
CHANGES_APPS = ("release_deliver", "release_activate", "release_app", "release_prune")


def open_operation(s: Stand, state: str, **more: Any) -> dict[str, Any]:
    """Give the edge an operation that was left open: a deploy of C to blue."""
    made = plan.deploy(request("deploy", C), s.facts, s.ledger)
    found = {"id": "op-9", "kind": "deploy", "state": state, "plan": made.as_dict(), "fence": 4}
    s.facts["edge-1"]["operation"] = {**found, "version": C.name, **more}
    return found


def closed(theatre: Theatre, s: Stand, active: str = "green") -> None:
    """Let the edge say, when it is asked again, that nothing is open any more."""
    again = {h: dict(f) for h, f in theatre.scenario["facts"][0].items()}
    again["edge-1"] |= {"operation": None, "active": active}
    theatre.scenario["facts"].append(again)
    assert set(again) == set(s.facts)


def versions(played: Played, module: str, host: str) -> list[str]:
    return [c["args"]["version"] for c in played.of(module) if c["host"] == host]


def test_a_rollback_to_the_warm_colour_is_a_switch(theatre: Theatre) -> None:
    theatre.set(three().small())
    theatre.scenario["documents"]["migrate --json"] = {"down": []}
    played = theatre.play("rollback", dash_reason="bug", dash_why="echo is deaf")

    assert played.code == 0, played.output
    assert played.line.startswith("0.2.0 is active on green: 0 failed of 600 requests")
    assert played.order()[:3] == ["lease:present", "edge_switch:switched", "edge_switch:confirmed"]
    assert not played.of("release_deliver")
    assert versions(played, "release_activate", "app-blue-1") == [""]
    assert not versions(played, "release_activate", "app-green-1")
    down = played.of("release_app")[0]
    assert (down["host"], down["args"]["version"]) == ("app-green-1", B.name)
    assert down["args"]["argv"] == ["migrate", "--json", "--to", "0002"]
    assert played.calls.index(down) > played.calls.index(played.of("release_activate")[0])
    assert (played.entry["kind"], played.entry["quarantine"]) == ("rollback", [C.digest])
    assert (played.entry["reason"], played.entry["why"]) == ("bug", "echo is deaf")


def test_a_prober_that_does_not_run_holds_up_no_rollback_to_the_warm_colour(
    theatre: Theatre,
) -> None:
    theatre.set(three().small())
    (theatre.root / "ops/prober.py").unlink()
    (theatre.root / "ops/prober.py").write_text("raise SystemExit('--ca x: no certificates')")
    played = theatre.play("rollback")

    assert played.code == 0, played.output
    assert played.line == "0.2.0 is active on green: the prober sent nothing"
    assert played.of("edge_switch", state="confirmed")


def test_rows_that_would_be_lost_stay_and_are_named(theatre: Theatre) -> None:
    theatre.set(three().small())
    risk = [{"what": "users.nickname", "rows": 12}]
    theatre.scenario["documents"]["migrate --json"] = {
        "down": [{"id": "0003", "left": True, "risk": risk}]
    }
    played = theatre.play("rollback")
    assert played.line.endswith(
        "; users.nickname: 12 rows would be lost, left in place (--accept-loss removes them)"
    )
    played = theatre.play("rollback", dash_accept_loss=True)
    assert played.of("release_app")[0]["args"]["argv"][-1] == "--accept-loss"


def test_a_dead_host_of_the_colour_that_is_left_does_not_stop_a_rollback(theatre: Theatre) -> None:
    theatre.set(serving().small().lose("app-green-1", "db-1"))
    played = theatre.play("rollback")

    assert played.code == 0, played.output
    assert played.line.startswith("0.1.0 is active on blue: ")
    assert "the schema stays as it is" in played.line
    touched = {c["host"] for c in played.calls if c["module"] != "release_facts"}
    assert touched == {"edge-1"}


def test_a_rollback_to_a_cold_version_stages_what_is_kept(
    theatre: Theatre, preview: Preview
) -> None:
    preview.version = A.name
    theatre.set(three().small())
    played = theatre.play("rollback", dash_to_version="v0.1.0")

    assert played.code == 0, played.output
    delivered = played.of("release_deliver")[0]
    assert delivered["host"] == "app-green-1"
    assert delivered["args"]["artifact"].endswith(f"/dash-0.1.0-{A.digest[:12]}.tar.zst")
    assert played.of("release_activate")[0]["args"]["config"] == A.config
    assert [c["args"]["argv"] for c in played.of("release_app")] == [
        ["migrate", "--json", "--to", "0001"]
    ]
    assert played.entry["known"] == ["0001"]


def test_a_refused_rollback_says_why_and_changes_nothing(theatre: Theatre) -> None:
    theatre.set(serving().small())
    played = theatre.play("rollback", dash_to_version="9.9.9")

    assert (played.document["outcome"], played.document["exit_code"]) == ("refused", 1)
    assert "version 9.9.9 never served here" in played.line
    assert played.order() == []


def test_the_plan_of_a_rollback_names_steps_and_rows_at_risk(theatre: Theatre) -> None:
    theatre.set(three().small())
    risk = [{"what": "users.nickname", "rows": 12}, {"what": "users.age", "rows": 0}]
    theatre.scenario["documents"]["migrate --plan"] = {"down": [{"id": "0003", "risk": risk}]}
    played = theatre.play("rollback", dash_plan_only=True)

    assert "down      0003" in played.line
    assert "at risk   0003: users.nickname, 12 rows" in played.line
    assert "users.age" not in played.line
    assert played.document["plan"]["down_plan"]["down"][0]["id"] == "0003"
    asked = played.of("release_app")
    assert [c["host"] for c in asked] == ["app-blue-1"]
    assert "fence" not in asked[0]["args"]
    assert played.order() == ["release_app"]


def test_a_switch_moves_traffic_and_nothing_else(theatre: Theatre) -> None:
    theatre.set(serving().small())
    played = theatre.play("switch", dash_color_wanted="blue")

    assert played.code == 0, played.output
    assert played.entry["kind"] == "switch"
    assert not [c for c in played.calls if c["module"] in CHANGES_APPS]
    assert played.of("edge_switch", state="switched")[0]["args"]["color"] == "blue"


def test_a_switch_to_the_active_colour_does_nothing(theatre: Theatre) -> None:
    theatre.set(serving().small())
    played = theatre.play("switch", dash_color_wanted="green")

    assert (played.code, played.document["outcome"]) == (0, "noop")
    assert played.order() == []


def paused(theatre: Theatre) -> None:
    s = serving().small()
    open_operation(s, "paused")
    s.on("blue", C) if "app-blue-2" in s.facts else None
    s.facts["app-blue-1"] |= {"current": C.current, "unit": "active", "ready": True}
    theatre.set(s, C)


def test_promote_switches_without_staging_again(theatre: Theatre) -> None:
    paused(theatre)
    played = theatre.play("promote", dash_why="looks fine")

    assert played.code == 0, played.output
    assert played.line.startswith("0.3.0 is active on blue")
    assert not [c for c in played.calls if c["module"] in CHANGES_APPS[:3]]
    assert (played.entry["kind"], played.entry["why"]) == ("deploy", "looks fine")


def test_a_promoted_release_that_is_worse_is_taken_away(theatre: Theatre) -> None:
    paused(theatre)
    theatre.scenario["public"]["failed_after"] = 60
    played = theatre.play("promote", release_watch_seconds=20)

    assert (played.document["outcome"], played.document["exit_code"]) == ("reverted", 3)
    assert versions(played, "release_activate", "app-blue-1") == [A.name]


def test_abort_takes_the_paused_release_away(theatre: Theatre) -> None:
    paused(theatre)
    played = theatre.play("abort")

    assert (played.code, played.document["outcome"]) == (0, "done")
    assert "waited for an answer: undone, clients noticed nothing" in played.line
    assert versions(played, "release_activate", "app-blue-1") == [A.name]
    assert played.of("operation")[0]["args"]["id"] == "op-9"
    assert (played.entry["kind"], played.entry["outcome"]) == ("recover", "abandoned")


def test_abort_without_a_paused_deploy_does_nothing(theatre: Theatre) -> None:
    theatre.set(serving().small())
    played = theatre.play("abort")

    assert (played.code, played.document["outcome"]) == (0, "noop")
    assert played.order() == []


@pytest.mark.parametrize("verb", ["deploy", "switch", "migrate"])
def test_a_paused_deploy_must_be_answered_first(theatre: Theatre, verb: str) -> None:
    paused(theatre)
    played = theatre.play(verb)

    assert played.document["outcome"] == "refused"
    assert "the deploy of 0.3.0 waits for an answer" in played.line
    assert played.order() == []


def test_an_interrupted_deploy_is_undone_before_the_next_one(
    theatre: Theatre, preview: Preview
) -> None:
    preview.version = C.name
    s = serving().small()
    open_operation(s, "begun")
    gone = {**controller.holder(), "pid": os.getpid(), "pid_start": 1}
    s.facts["edge-1"]["lease"] = {"id": "old", "holder": gone}
    theatre.set(s, C)
    closed(theatre, s)
    played = theatre.play("deploy")

    assert played.code == 0, played.output
    assert "the deploy of 0.3.0 was interrupted before the switch: undone" in played.output
    first, second = played.of("lease", state="present")
    assert (first["args"]["kind"], first["args"]["holder_is_dead"]) == ("recover", "old")
    assert first["args"]["id"] != second["args"]["id"]
    assert versions(played, "release_activate", "app-blue-1") == [A.name, C.name]
    assert [(e["kind"], e["outcome"]) for e in played.entries()] == [
        ("recover", "abandoned"),
        ("deploy", "done"),
    ]


@pytest.mark.parametrize(
    ("state", "said", "outcome", "traffic"),
    [
        ("switched", "after the switch: traffic is back on the old colour", "reverted", "reverted"),
        ("reverted", "after the switch: traffic is back on the old colour", "reverted", "reverted"),
        ("confirmed", "after it was confirmed: finished", "done", "confirmed"),
    ],
)
def test_what_was_interrupted_after_the_switch_is_settled(
    theatre: Theatre, state: str, said: str, outcome: str, traffic: str
) -> None:
    s = serving().small()
    open_operation(s, state)
    theatre.set(s)
    closed(theatre, s)
    played = theatre.play("abort")

    assert said in played.line
    assert played.entry["outcome"] == outcome
    assert played.hosts("edge_switch", state=traffic) == ["edge-1"]
    assert bool(played.of("release_activate")) == (outcome != "done")
    left = "app-green-1" if outcome == "done" else "app-blue-1"
    assert played.hosts("release_agents") == [left]  # agents go to the colour that serves


def test_a_plan_tells_of_an_interrupted_deploy_and_leaves_it(theatre: Theatre) -> None:
    s = serving().small()
    open_operation(s, "begun")
    theatre.set(s, C)
    played = theatre.play("deploy", dash_plan_only=True)

    assert played.document["outcome"] == "planned"
    assert "an interrupted deploy will be settled first" in played.output
    assert played.order() == []


def test_a_recovery_without_a_host_of_the_idle_colour_still_closes_the_operation(
    theatre: Theatre,
) -> None:
    s = serving().small()
    open_operation(s, "begun")
    theatre.set(s.lose("app-blue-1"))
    closed(theatre, s)
    played = theatre.play("abort")

    assert played.code == 0, played.output
    assert not played.of("release_activate")
    assert played.hosts("operation", state="recorded") == ["edge-1"]


def held() -> Stand:
    return three().small().applied("0001", "0002")


def test_held_steps_are_run_by_the_active_release(theatre: Theatre) -> None:
    theatre.set(held())
    theatre.scenario["documents"]["migrate --contract"] = {"applied": ["0003"]}
    played = theatre.play("migrate", dash_window_hours=0)

    assert played.code == 0, played.output
    assert played.line == "the held migrations of 0.3.0 are applied"
    asked = played.of("release_app")
    assert [(c["host"], c["args"]["argv"]) for c in asked] == [
        ("app-blue-1", ["migrate", "--contract", "--json"])
    ]
    assert (played.entry["kind"], played.entry["schema"]) == ("migrate", ["0003"])
    assert not played.of("edge_switch")


def test_a_held_step_that_fails_is_told(theatre: Theatre) -> None:
    theatre.set(held(), fail={"release_app": "lock timeout"})
    played = theatre.play("migrate", dash_window_hours=0)

    assert (played.document["outcome"], played.document["exit_code"]) == ("failed", 1)
    assert played.line.endswith("4 migrate on app-blue-1: lock timeout")
    assert played.hosts("operation", state="recorded") == ["edge-1"]


def test_status_tells_of_hosts_that_do_not_answer(theatre: Theatre) -> None:
    theatre.set(serving().small().lose("app-green-1"))
    played = theatre.play("status")

    found = json.loads((theatre.state / "status.json").read_text())
    assert played.code == 0, played.output
    assert found["facts"]["app-green-1"]["unreachable"]
    assert found["facts"]["edge-1"]["active"] == "green"
    assert [e["version"] for e in found["ledger"]] == [A.name, B.name]
    assert (theatre.state / "status.json").stat().st_mode & 0o777 == 0o600


def test_the_answer_of_the_service_is_for_the_terminal_alone(theatre: Theatre) -> None:
    theatre.set(serving().small())
    theatre.scenario["documents"]["key list"] = {"key": "dk_secret"}
    played = theatre.play("app", dash_app_argvs=[["key", "list"], ["key", "list"]])

    assert played.code == 0, played.output
    answer = theatre.state / "app.json"
    first, second = json.loads(answer.read_text())["answers"]
    assert "dk_secret" in first["stdout"]
    assert "dk_secret" in second["stdout"]
    assert answer.stat().st_mode & 0o777 == 0o600
    assert "dk_secret" not in played.output
