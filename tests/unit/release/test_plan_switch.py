"""What switch, promote and migrate plan, and every reason for which they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import plan
from ansible_collections.dash.platform.plugins.module_utils.standing import Refusal
from tests.unit.release.stand import A, B, C, Stand, Version, request, serving, stand, three


def switch(s: Stand, to: str = "", **more: Any) -> plan.Plan:
    return plan.switch(request("switch", to_color=to, **more), s.facts, s.ledger)


def contract(s: Stand, **more: Any) -> plan.Plan:
    return plan.contract(request("migrate", **more), s.facts, s.ledger)


def test_a_switch_goes_to_the_other_colour() -> None:
    made = switch(serving())

    assert (made.from_color, made.to_color, made.version) == ("green", "blue", A.name)
    assert (made.warm, made.migrate, made.quarantine, made.down) == (True, False, [], [])
    assert (made.config, made.previous) == (A.config, B.on("green"))


def test_a_switch_to_the_active_colour_is_a_no_op() -> None:
    assert "green is active already" in switch(serving(), "green").noop


def test_a_switch_keeps_the_configuration_that_the_colour_runs_with() -> None:
    debug = Version(A.name, A.known, "DASH_APP_LOG_LEVEL=debug\n")
    s = serving().wrote(debug, 0.2, color="green")
    assert switch(s).config == A.config


def test_there_are_two_colours() -> None:
    with pytest.raises(Refusal, match="there is no colour 'red'"):
        switch(serving(), "red")


@pytest.mark.parametrize("ready", [True, False])
def test_a_colour_that_does_not_serve_takes_no_traffic(ready: bool) -> None:
    s = serving().on("blue", None if ready else A, ready=ready)
    with pytest.raises(Refusal, match="no release that runs and is ready"):
        switch(s)


def test_a_colour_whose_hosts_run_two_releases_takes_no_traffic() -> None:
    s = serving()
    s.facts["app-blue-2"]["current"] = C.current
    with pytest.raises(Refusal, match="no release that runs and is ready"):
        switch(s)


def test_a_quarantined_release_takes_no_traffic_without_force() -> None:
    s = serving()
    s.ledger[-1]["quarantine"] = [A.digest]
    with pytest.raises(Refusal, match="quarantined"):
        switch(s)
    assert switch(s, force=True).version == A.name


@pytest.mark.parametrize("host", ["app-green-1", "db-1"])
def test_a_switch_needs_nothing_of_the_colour_that_is_left(host: str) -> None:
    assert switch(serving().lose(host)).to_color == "blue"


@pytest.mark.parametrize("host", ["edge-1", "app-blue-2"])
def test_a_switch_needs_edges_and_hosts_of_the_target(host: str) -> None:
    with pytest.raises(Refusal, match=f"{host} does not answer over ssh"):
        switch(serving().lose(host))


def test_naming_a_colour_settles_edges_that_disagree() -> None:
    s = serving()
    s.facts["edge-2"] = {**s.facts["edge-1"], "active": "blue"}
    with pytest.raises(Refusal, match="the edges disagree"):
        switch(s)
    made = switch(s, "green")

    assert (made.from_color, made.to_color, made.noop) == ("blue", "green", "")


def paused(s: Stand) -> Stand:
    """A deploy of C to blue waits for an answer."""
    made = plan.deploy(request("deploy", C), s.facts, s.ledger)
    s.facts["edge-1"]["operation"] = {"id": "x", "state": "paused", "plan": made.as_dict()}
    return s.on("blue", C)


def test_promote_goes_on_with_the_paused_deploy() -> None:
    s = paused(serving())
    s.facts["app-green-1"]["fence"] = 7
    made = plan.promote(request("promote"), s.facts, s.ledger)

    assert (made.kind, made.version, made.to_color) == ("deploy", C.name, "blue")
    assert (made.warm, made.migrate, made.fence) == (True, False, 8)
    assert (made.config, made.known) == (C.config, list(C.known))
    assert made.restore == A.on("blue")


def test_promote_needs_a_paused_deploy() -> None:
    s = paused(serving())
    s.facts["edge-1"]["operation"]["state"] = "begun"
    with pytest.raises(Refusal, match="no deploy waits for an answer"):
        plan.promote(request("promote"), s.facts, s.ledger)


@pytest.mark.parametrize("change", ["not ready", "switched", "replaced"])
def test_promote_needs_the_release_to_stand_as_it_was_left(change: str) -> None:
    s = paused(serving())
    if change == "not ready":
        s.on("blue", C, ready=False)
    elif change == "switched":
        s.on("green", C).facts["edge-1"]["active"] = "blue"
    else:
        s.on("blue", B)
    with pytest.raises(Refusal, match="no longer stands ready on blue"):
        plan.promote(request("promote"), s.facts, s.ledger)


def held(hours_since_left: float) -> Stand:
    """C is active with 0003 held back; B, which does not know it, was left so long ago."""
    return (
        stand("blue")
        .on("blue", C)
        .applied("0001", "0002")
        .wrote(B, hours_ago=hours_since_left + 10, color="green")
        .wrote(C, hours_ago=hours_since_left, color="blue", previous=B.on("green"))
    )


def test_a_held_step_runs_when_the_windows_are_over() -> None:
    made = contract(held(25))

    assert (made.kind, made.noop, made.migrate) == ("migrate", "", True)
    assert (made.from_color, made.to_color, made.runner) == ("blue", "blue", "app-blue-1")


def test_a_held_step_waits_for_the_window_of_a_release_that_does_not_know_it() -> None:
    with pytest.raises(Refusal, match=r"0003 is held back: version 0\.2\.0 .* another 3\.0 h"):
        contract(held(21))


def test_a_shorter_window_gives_up_the_rollback() -> None:
    assert contract(held(21), window_hours=20).noop == ""


def test_a_release_that_knows_the_step_is_in_nobodys_way() -> None:
    knows = Version("0.2.9", C.known)
    s = held(25).wrote(knows, 0.5, color="green").wrote(C, 0.4, previous=knows.on("green"))
    assert contract(s).noop == ""


def test_nothing_held_is_a_no_op() -> None:
    assert "nothing to do" in contract(held(1).applied("0001", "0002", "0003")).noop


def test_without_an_active_release_there_is_nothing_to_migrate() -> None:
    with pytest.raises(Refusal, match="no release is active"):
        contract(stand("none"))


@pytest.mark.parametrize("host", ["edge-1", "app-green-1", "db-1"])
def test_a_migration_needs_every_host(host: str) -> None:
    with pytest.raises(Refusal, match=f"{host} does not answer"):
        contract(three().lose(host))


def test_a_migration_needs_the_database() -> None:
    s = held(25)
    s.facts["db-1"]["reachable"] = False
    with pytest.raises(Refusal, match="the database on db-1 does not answer"):
        contract(s)


def ask(s: Stand) -> str:
    return plan.ask(request("app"), s.facts, s.ledger).runner


def test_the_service_is_asked_where_it_serves() -> None:
    assert ask(serving()) == "app-green-1"
    assert ask(serving().lose("app-green-1")) == "app-green-2"


def test_the_service_is_asked_elsewhere_when_nothing_serves_or_answers() -> None:
    assert ask(serving().lose("app-green-1", "app-green-2")) == "app-blue-1"
    assert ask(serving().lose("edge-1")) == "app-blue-1"


def test_a_stack_without_a_release_cannot_be_asked() -> None:
    with pytest.raises(Refusal, match=r"no app host that answers has a release\. Next: \./dash"):
        ask(stand("none"))
