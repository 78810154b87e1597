"""What another stack runs: told by its hosts alone, and only when it is settled and proved."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from ops import promotion
from ops.console import UserError
from tests.unit.release.ending import ended
from tests.unit.release.stand import A, B, C, Stand, serving, stand

if TYPE_CHECKING:
    from tests.unit.release.conftest import Preview
    from tests.unit.release.theatre import Theatre

OPEN = {"id": "x", "kind": "deploy", "version": C.name}
LEASE = {"kind": "rollback", "holder": {"user": "ann", "host": "desk"}, "expires_at": 0.0}


def pair(**more: Any) -> Stand:
    """Return two edges that serve B; keywords are facts of the second, which is like the first."""
    made = serving()
    made.facts["edge-1"] |= {"clock": time.time(), "map": "green"}
    made.facts["edge-2"] = {**made.facts["edge-1"], **more}
    return made


def told(made: Stand) -> str:
    """Return the version that staging runs."""
    return promotion.proved("staging", made.facts, made.ledger).version


def refused(made: Stand) -> str:
    """Return the line in which that is refused; what it says to type is for staging."""
    with pytest.raises(UserError) as caught:
        told(made)
    line = caught.value.line
    assert "\n" not in line
    assert line.count("./dash ") == line.count("./dash --stack staging ") > 0
    return line


def test_what_serves_is_told_whatever_the_idle_colour_and_the_database_do() -> None:
    made = pair()
    assert told(made) == B.name
    assert promotion.proved("staging", made.facts, made.ledger).digest == B.digest
    assert told(made.lose("app-blue-1", "app-blue-2", "db-1")) == B.name


def test_after_a_rollback_it_is_what_was_returned_to() -> None:
    made = pair(active="blue", map="blue")
    made.facts["edge-1"] |= {"active": "blue", "map": "blue"}
    made.wrote(A, kind="rollback", color="blue", previous=B.on("green"), quarantine=[B.digest])
    assert told(made) == A.name


def test_held_migrations_do_not_change_what_serves() -> None:
    assert told(pair().wrote(B, kind="migrate", color="green")) == B.name


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"operation": {**OPEN, "state": "begun"}}, "was not finished (it is begun)"),
        ({"operation": {**OPEN, "state": "switched"}}, "was not finished (it is switched)"),
        ({"operation": {**OPEN, "state": "reverted"}}, "was not finished (it is reverted)"),
        ({"operation": {**OPEN, "state": "paused"}}, "waits for an answer. Next: ./dash --stack"),
        ({"lease": {**LEASE, "expires_at": time.time() + 900}}, "a rollback by ann@desk is under"),
        ({"active": "blue", "map": "blue"}, "edge-1 says green, edge-2 says blue"),
        ({"map": "blue"}, "edge-1 says green, edge-2 says blue and green"),
        (
            {"active": "none", "map": ""},
            "edge-2 says none). Next: ./dash --stack staging configure",
        ),
        ({"unreachable": True}, "edge-2 does not answer over ssh. Next"),
        ({"unreachable": True, "why": "it is not JSON"}, "edge-2: it is not JSON. Next"),
        (
            {"unreachable": True, "why": "i-1 is stopped", "cure": "./dash --stack staging up"},
            "edge-2: i-1 is stopped. Next: ./dash",
        ),
    ],
)
def test_one_edge_of_two_is_enough_to_refuse(more: dict[str, Any], said: str) -> None:
    assert said in refused(pair(**more))


def test_a_lease_that_ran_out_and_an_edge_without_haproxy_hinder_nothing() -> None:
    made = pair(lease=LEASE, haproxy_active=False)
    del made.facts["edge-2"]["map"]
    assert told(made) == B.name


def test_a_stack_that_serves_nothing_has_nothing_to_give() -> None:
    assert (
        refused(stand("none")) == "nothing is active on staging: type ./dash --stack staging deploy"
    )


def test_a_stack_without_edges_or_hosts_of_its_colour_is_refused() -> None:
    no_edge, no_app = pair(), pair()
    for host in ("edge-1", "edge-2"):
        del no_edge.facts[host]
    for host in ("app-green-1", "app-green-2"):
        del no_app.facts[host]
    said = "staging has no host that tells what it runs: type ./dash --stack staging up"
    assert refused(no_edge) == refused(no_app) == said


def test_a_host_that_serves_and_does_not_answer_is_refused() -> None:
    assert "app-green-2 does not answer over ssh" in refused(pair().lose("app-green-2"))


def test_hosts_that_run_something_else_than_was_recorded_are_refused() -> None:
    said = "do not run what its ledger says was released to green"
    half, other, nothing, unknown = pair(), pair().on("green", C), pair().on("green", None), pair()
    half.facts["app-green-2"]["current"] = C.current
    unknown.ledger.clear()
    for made in (half, other, nothing, unknown):
        assert said in refused(made)


@pytest.mark.parametrize("outcome", ["reverted", "abandoned", "failed", "paused"])
def test_what_was_not_proved_since_is_refused(outcome: str) -> None:
    """B serves as before, and the last thing that happened there did not end well."""
    line = refused(pair().wrote(C, outcome=outcome, color="blue"))

    assert f"deploy of {C.name}, ended as {outcome}: what serves was not proved" in line
    assert told(pair().wrote(C, outcome=outcome).wrote(B, color="green")) == B.name


# With the real playbooks, each of which takes seconds: with --all


@pytest.mark.slow
def test_status_tells_enough_of_a_pair_of_edges(theatre: Theatre) -> None:
    theatre.set(pair().small())
    played = theatre.play("status", dash_buckets={"artifacts": "mine"}, dash_region="eu-north-1")

    found = json.loads((theatre.state / "status.json").read_text())
    assert played.code == 0, played.output
    assert found["artifacts"] == {"bucket": "mine", "region": "eu-north-1"}
    assert promotion.proved("staging", found["facts"], found["ledger"]).digest == B.digest


@pytest.mark.slow
def test_status_of_a_stack_without_a_bucket_says_so(theatre: Theatre) -> None:
    theatre.set(pair().small().lose("edge-2"))
    theatre.play("status")

    found = json.loads((theatre.state / "status.json").read_text())
    assert found["artifacts"] == {"bucket": "", "region": ""}
    with pytest.raises(UserError, match="edge-2 does not answer over ssh"):
        promotion.proved("staging", found["facts"], found["ledger"])


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_deploy_releases_what_the_other_stack_runs(theatre: Theatre, preview: Preview) -> None:
    preview.version = C.name
    theatre.set(serving().small(), C)
    theatre.scenario["promoted"] = {"staging": theatre.scenario.pop("artifact")}
    theatre.scenario["artifact"] = None  # building or taking one would fail

    played = theatre.play("deploy", dash_from="staging")

    ended(played, "done", 0)
    assert played.entry["digest"] == C.digest


@pytest.mark.slow
def test_a_deploy_from_a_stack_that_tells_nothing_ends_in_its_line(theatre: Theatre) -> None:
    theatre.set(serving().small(), C)

    played = theatre.play("deploy", dash_from="staging")

    assert played.code == 2
    assert "nothing is active on staging: type ./dash --stack staging deploy" in played.output
    assert not played.calls
