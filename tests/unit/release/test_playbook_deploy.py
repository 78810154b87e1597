"""The deploy playbook, played for real against hosts that are stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.release.ending import ended, untouched
from tests.unit.release.stand import A, B, C, serving, sha, stand

if TYPE_CHECKING:
    from tests.unit.release.conftest import Preview
    from tests.unit.release.theatre import Played, Theatre


# Each plays a whole playbook, 5 to 30 s: with --all. The sample has the real lab instead.
pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]


def test_a_deploy_takes_its_steps_in_order(deploying: Theatre) -> None:
    played = deploying.play("deploy", dash_why="a better echo")

    line = ended(played, "done", 0)
    assert line == "0.3.0 is active on blue: 0 failed of 600 requests, worst gap 12 ms"
    assert played.order() == [
        "lease:present",
        "release_deliver",
        "release_app",
        "release_activate",
        "edge_switch:switched",
        "edge_switch:confirmed",
        "release_agents",
        "edge_drain",
        "release_prune",
        "operation:recorded",
        "ledger_carry",
    ]
    for module in ("release_deliver", "release_app", "release_activate"):
        assert played.hosts(module) == ["app-blue-1"]
    assert played.hosts("release_agents") == ["app-green-1"]  # the colour that was left
    assert len(list(deploying.directory.glob("hosts/app-*/opt/dash/artifacts/*.zst"))) == 2
    _check_entry(played.entry)
    _check_arguments(played)


def _check_entry(entry: dict[str, Any]) -> None:
    assert entry["kind"] == "deploy"
    assert (entry["version"], entry["digest"], entry["color"]) == (C.name, C.digest, "blue")
    assert entry["config_hash"] == sha(entry["config"])
    assert "DASH_APP_DATABASE_USER=dash_app" in entry["config"].splitlines()
    assert (entry["why"], entry["fence"], entry["quarantine"]) == ("a better echo", 4, [])
    assert entry["previous"] == B.on("green")
    assert entry["verdicts"]["prove"]["verdict"] == "pass"
    assert entry["verdicts"]["watch"]["n"] >= 0
    assert set(entry["timings"]) == {"total", "to_switch", "switch"}
    assert entry["prober"]["sent"] == 600


def _check_arguments(played: Played) -> None:
    """What hosts are told fits together: one fence, one operation, one configuration."""
    lease = played.of("lease", state="present")[0]["args"]
    assert lease["operation"]["plan"]["version"] == C.name
    assert {c["args"].get("fence", 4) for c in played.calls} == {4}
    ids = {c["args"]["id"] for c in played.calls if c["module"] in ("edge_switch", "operation")}
    assert ids == {lease["id"]}
    activate = played.of("release_activate")[0]["args"]
    assert activate["config_hash"] == sha(activate["config"])
    assert played.of("edge_switch", state="switched")[0]["args"]["confirm_within"] == 61
    assert [e["id"] for e in played.of("ledger_carry")[0]["args"]["entries"]] == [lease["id"]]


def test_a_deploy_leaves_no_process_behind(deploying: Theatre) -> None:
    deploying.play("deploy", dash_plan_only=False, release_watch_seconds=0)
    pid = (deploying.directory / "prober.pid").read_text()
    stat = deploying.directory.__class__(f"/proc/{pid}/stat")

    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_release_that_does_not_start_is_taken_away_again(deploying: Theatre) -> None:
    deploying.scenario["fail"] = {"release_activate": "the unit ended with 1"}
    played = deploying.play("deploy")

    line = ended(played, "failed", 1)
    assert untouched(played)
    assert line == (
        "deploy of 0.3.0 failed before the switch, clients noticed nothing: "
        "5 stage on app-blue-1: the unit ended with 1"
    )
    back = played.of("release_activate")[-1]["args"]
    assert (back["version"], back["config_hash"]) == (A.name, A.current["config_hash"])
    assert played.hosts("edge_switch", state="reverted") == ["edge-1"]
    assert played.hosts("operation", state="recorded") == ["edge-1"]
    assert (played.entry["quarantine"], played.entry["verdicts"]["prove"]) == ([], {})


def test_a_release_that_is_worse_after_the_switch_goes_back_and_into_quarantine(
    deploying: Theatre,
) -> None:
    deploying.scenario["public"]["failed_after"] = 60
    played = deploying.play("deploy", release_watch_seconds=20)

    line = ended(played, "reverted", 3)
    assert "went back to green: 8 watch on edge-1: after the switch the new release is wo" in line
    assert played.hosts("edge_switch", state="reverted") == ["edge-1"]
    assert not played.of("edge_switch", state="confirmed")
    assert not played.of("edge_drain")
    assert played.entry["quarantine"] == [C.digest]
    assert played.of("release_activate")[-1]["args"]["version"] == A.name
    _sent_back(played)


def _sent_back(played: Played) -> None:
    """Agents of the colour that was taken back are told after the traffic, before it stops."""
    told, stopped = played.of("release_agents")[0], played.of("release_activate")[-1]
    back = played.of("edge_switch", state="reverted")[-1]

    assert played.hosts("release_agents") == ["app-blue-1"]
    assert played.calls.index(back) < played.calls.index(told) < played.calls.index(stopped)


def test_a_socket_that_is_lost_after_the_switch_takes_the_release_back(deploying: Theatre) -> None:
    loss = {"what": "socket", "name": "prober-07", "why": "closed with 1006", "colors": ["blue"]}
    deploying.scenario["public"]["losses"] = [{"t": 9e12, **loss}]
    played = deploying.play("deploy", release_watch_seconds=20)

    assert "is worse: socket prober-07: closed with 1006" in ended(played, "reverted", 3)
    assert played.entry["prober"]["losses"][0]["name"] == "prober-07"
    assert played.entry["quarantine"] == [C.digest]


def test_too_little_to_judge_by_waits_for_an_answer(deploying: Theatre) -> None:
    deploying.scenario["preview"] |= {"sent": 20, "judged": 20}
    played = deploying.play("deploy")

    line = ended(played, "paused", 4)
    assert "Next: ./dash promote or ./dash abort" in line
    assert untouched(played)
    assert played.hosts("operation", state="paused") == ["edge-1", "edge-1"]
    assert not played.of("operation", state="recorded")
    assert not played.of("edge_switch")
    assert not played.of("release_prune")


def test_a_release_that_serves_another_version_fails_its_smoke_test(
    deploying: Theatre, preview: Preview
) -> None:
    preview.version = B.name
    played = deploying.play("deploy")

    assert "the preview address serves version 0.2.0, not 0.3.0" in ended(played, "failed", 1)
    assert untouched(played)


def test_a_host_lost_while_staging_leaves_the_others_to_undo(deploying: Theatre) -> None:
    deploying.scenario["fail"] = {"release_deliver": "unreachable"}
    played = deploying.play("deploy")

    assert "app-blue-1 no longer answered over ssh" in ended(played, "failed", 1)
    assert untouched(played)
    assert played.hosts("edge_switch", state="reverted") == ["edge-1"]
    assert played.hosts("operation", state="recorded") == ["edge-1"]
    assert played.hosts("ledger_carry") == ["db-1"]


@pytest.mark.parametrize("state", [pytest.param("switched", marks=pytest.mark.slow), "confirmed"])
def test_an_edge_lost_at_the_switch_keeps_its_colour_running(
    theatre: Theatre, preview: Preview, state: str
) -> None:
    """Its clients may still be sent there until its timer goes off."""
    preview.version = C.name
    s = serving().small()
    s.facts["edge-2"] = dict(s.facts["edge-1"])
    theatre.set(s, C, fail={f"edge_switch:{state}@edge-2": "unreachable"})
    played = theatre.play("deploy")

    assert "edge-2 no longer answered over ssh" in ended(played, "reverted", 3)
    assert played.hosts("edge_switch", state="reverted") == ["edge-1"]
    assert [c["args"]["version"] for c in played.of("release_activate")] == [C.name]
    assert played.hosts("operation", state="recorded") == ["edge-1"]


@pytest.mark.parametrize(
    "how", [pytest.param("no such file", marks=pytest.mark.slow), "unreachable"]
)
def test_trouble_while_handing_over_does_not_take_the_new_release_away(
    deploying: Theatre, how: str
) -> None:
    deploying.scenario["fail"] = {"release_prune@app-blue-1": how}
    played = deploying.play("deploy")

    line = ended(played, "done", 0) if how != "unreachable" else played.line
    assert line.startswith("0.3.0 is active on blue: 0 failed of 600 requests")
    assert "not all was handed over: " in line
    assert "app-blue-1" in line
    assert not played.of("edge_switch", state="reverted")
    assert len(played.of("release_activate")) == 1
    assert played.hosts("operation", state="recorded") == ["edge-1"]


def test_an_undo_that_fails_is_still_recorded(deploying: Theatre) -> None:
    deploying.scenario["fail"] = {
        "release_activate": "the unit ended with 1",
        "edge_switch:reverted": "HAProxy does not answer",
    }
    line = ended(deploying.play("deploy"), "failed", 1)

    assert "the unit ended with 1" in line


def test_a_ledger_that_cannot_be_written_is_told(deploying: Theatre) -> None:
    deploying.scenario["fail"] = {"operation:recorded": "the disk is full"}
    played = deploying.play("deploy")

    assert played.code != 0
    assert "the disk is full" in played.output


def test_a_database_that_goes_away_before_the_end_is_written_to_later(deploying: Theatre) -> None:
    deploying.scenario["fail"] = {"ledger_carry": "connection refused"}
    ended(deploying.play("deploy"), "done", 0)


def test_a_lost_host_is_a_refusal_in_one_line(theatre: Theatre) -> None:
    theatre.set(serving().small().lose("app-blue-1"), C)
    played = theatre.play("deploy")

    assert (played.document["outcome"], played.document["exit_code"]) == ("refused", 1)
    assert "app-blue-1 does not answer over ssh" in played.line
    assert played.order() == []
    assert played.code != 0


def test_a_running_operation_is_not_disturbed(deploying: Theatre) -> None:
    deploying.scenario["fail"] = {"lease:present": "a deploy by ann on laptop holds the lease"}
    played = deploying.play("deploy")

    assert played.document["outcome"] == "refused"
    assert "2 lease on edge-1: a deploy by ann on laptop holds the lease" in played.line
    given_back = played.of("lease", state="absent")[0]["args"]["id"]
    assert given_back == played.of("lease", state="present")[0]["args"]["id"]
    assert played.order() == ["lease:present", "lease:absent"]


def test_a_broken_artifact_changes_nothing(theatre: Theatre) -> None:
    theatre.set(serving().small())
    played = theatre.play("deploy")

    assert played.code != 0
    assert "the artifact is corrupt or cut off" in played.output
    assert played.order() == []


def test_a_plan_changes_nothing(deploying: Theatre) -> None:
    played = deploying.play("deploy", dash_plan_only=True)

    assert (played.code, played.document["outcome"]) == (0, "planned")
    assert played.order() == []
    assert played.line.startswith(f"plan: deploy of 0.3.0 ({C.digest[:12]}) to blue, from green")
    assert played.document["plan"]["to_color"] == "blue"


def test_the_first_deploy_makes_the_probers_key(theatre: Theatre, preview: Preview) -> None:
    preview.version = A.name
    (theatre.state / "secrets/prober_key").unlink()
    theatre.set(stand("none").small(), A)
    theatre.scenario["documents"]["key create"] = {"key": "dk_1"}
    theatre.scenario["colors"] = ["none", "blue"]
    played = theatre.play("deploy")

    assert ended(played, "done", 0).startswith("0.1.0 is active on blue")
    assert (theatre.state / "secrets/prober_key").read_text() == "dk_1\n"
    assert (theatre.state / "secrets/prober_key").stat().st_mode & 0o777 == 0o600
    assert "dk_1" not in played.output
    assert not played.of("edge_drain")


def test_a_prober_that_does_not_run_is_a_failure_in_its_own_words(deploying: Theatre) -> None:
    (deploying.root / "ops/prober.py").unlink()
    (deploying.root / "ops/prober.py").write_text("raise SystemExit('--ca x: no certificates')")
    played = deploying.play("deploy")

    assert "the prober does not run: --ca x: no certificates" in ended(played, "failed", 1)
    assert untouched(played)
