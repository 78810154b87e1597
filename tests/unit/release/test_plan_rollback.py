"""To what a rollback returns, and every reason for which it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dash.platform.plugins.module_utils import history, plan
from ansible_collections.dash.platform.plugins.module_utils.standing import Refusal
from tests.unit.release.stand import A, B, C, Stand, Version, request, serving, stand, three


def rollback(s: Stand, to: str = "", **more: Any) -> plan.Plan:
    return plan.rollback(request("rollback", version=to, **more), s.facts, s.ledger)


def refusal(s: Stand, to: str = "", **more: Any) -> str:
    with pytest.raises(Refusal) as caught:
        rollback(s, to, **more)
    text = str(caught.value)
    assert "\n" not in text
    return text


def done(s: Stand, made: plan.Plan) -> Stand:
    """Let a rollback come true: traffic, hosts and ledger as it leaves them."""
    to = next(v for v in (A, B, C) if v.digest == made.digest)
    s.facts["edge-1"]["active"] = made.to_color
    return s.on(made.to_color, to).wrote(
        to,
        0.1,
        kind="rollback",
        color=made.to_color,
        quarantine=made.quarantine,
        previous=made.previous,
    )


def test_the_one_before_is_switched_to_while_it_is_warm() -> None:
    made = rollback(serving())

    assert (made.version, made.warm, made.migrate, made.restore) == (A.name, True, False, None)
    assert (made.from_color, made.to_color) == ("green", "blue")
    assert made.quarantine == [B.digest]
    assert made.previous == B.on("green")


def test_a_warm_release_that_is_not_ready_is_staged_again() -> None:
    made = rollback(serving().on("blue", A, ready=False))

    assert (made.version, made.warm) == (A.name, False)
    assert made.restore == A.on("blue")


def test_a_named_version_is_staged_from_what_the_hosts_keep() -> None:
    made = rollback(three(), A.name)

    assert (made.version, made.digest, made.warm) == (A.name, A.digest, False)
    assert (made.to_color, made.runner, made.restore) == ("green", "app-green-1", B.on("green"))
    assert made.config == A.config


def test_an_unpacked_release_needs_no_artifact() -> None:
    s = three().kept()
    for host in ("app-green-1", "app-green-2"):
        s.facts[host]["releases"] = [{"version": A.name, "digest": A.digest}]
    assert rollback(s, A.name).version == A.name


def test_a_host_that_was_made_anew_gets_the_artifact_of_another() -> None:
    s = three()
    s.facts["app-green-2"]["artifacts"] = []
    made = rollback(s, A.name)

    assert made.lacking == ["app-green-2"]
    assert made.bearer in {"app-blue-1", "app-blue-2", "app-green-1"}


def test_nothing_is_carried_when_no_host_lacks_it() -> None:
    made = rollback(three(), A.name)
    assert (made.lacking, made.bearer) == ([], "")


def test_a_version_past_its_window_is_refused() -> None:
    text = refusal(three().kept(B, C), A.name)
    assert "no application host keeps version 0.1.0 any more" in text


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    assert "9.9.9 never served here (known: 0.1.0, 0.2.0)" in refusal(serving(), "9.9.9")


def test_a_release_that_went_back_by_itself_never_served() -> None:
    s = serving().wrote(C, outcome="reverted")
    assert "never served here" in refusal(s, C.name)


def test_the_active_version_is_a_no_op() -> None:
    assert "active already" in rollback(serving(), B.name).noop


def test_one_release_alone_has_nothing_to_return_to() -> None:
    s = stand().on("blue", A).wrote(A)
    assert "nothing to return to: no other release has served here" in refusal(s)


def test_a_stack_that_never_released_has_nothing_to_return_to() -> None:
    assert "nothing to return to" in refusal(stand("none"))


def test_quarantined_others_are_nothing_to_return_to() -> None:
    s = done(serving(), rollback(serving()))
    assert "nothing to return to: the others are quarantined" in refusal(s)


def test_a_quarantined_version_needs_force() -> None:
    s = done(serving(), rollback(serving()))
    assert "quarantined" in refusal(s, B.name)
    assert rollback(s, B.name, force=True).version == B.name


def test_a_forced_rollback_lifts_the_quarantine() -> None:
    s = done(serving(), rollback(serving()))
    s = done(s, rollback(s, B.name, force=True))
    assert history.quarantined(s.ledger) == {A.digest}


def test_a_second_rollback_goes_to_the_newest_that_is_not_quarantined() -> None:
    s = three()
    first = rollback(s)
    second = rollback(done(s, first))

    assert (first.version, second.version) == (B.name, A.name)
    assert second.quarantine == [B.digest]


def test_a_rollback_of_the_configuration_quarantines_no_code_and_does_not_swing_back() -> None:
    old = Version(A.name, A.known, "DASH_APP_LOG_LEVEL=warning\n")
    bad = Version(A.name, A.known, "DASH_APP_LOG_LEVEL=debug\n")
    s = (
        stand("blue")
        .on("green", old)
        .on("blue", bad)
        .wrote(old, 3, color="green")
        .wrote(bad, 2, color="blue", previous=old.on("green"))
    )
    first = rollback(s)
    assert (first.config, first.quarantine, first.warm) == (old.config, [], True)

    s.facts["edge-1"]["active"] = "green"
    s.wrote(old, 1, kind="rollback", color="green", previous=bad.on("blue"))
    assert "nothing to return to" in refusal(s)
    s.wrote(bad, 0.5, color="blue", previous=old.on("green"))
    s.facts["edge-1"]["active"] = "blue"
    assert rollback(s).config == old.config


@pytest.mark.parametrize("lost", [["app-green-1"], ["app-green-1", "app-green-2"], ["db-1"]])
def test_hosts_that_are_left_and_the_database_need_not_answer(lost: list[str]) -> None:
    """The trouble of the colour that is left may be why it is left."""
    made = rollback(serving().lose(*lost))

    assert (made.version, made.warm, made.noop) == (A.name, True, "")
    assert made.previous == B.on("green")
    assert made.quarantine == [B.digest]


@pytest.mark.parametrize("fact", [{"disk_free_mib": 0}, {"clock_skew": 99.0}])
def test_trouble_of_the_colour_that_is_left_does_not_stop_a_rollback(fact: dict[str, Any]) -> None:
    s = serving()
    s.facts["app-green-1"] |= fact
    assert rollback(s).version == A.name


@pytest.mark.parametrize("host", ["edge-1", "app-blue-1"])
def test_edges_and_hosts_of_the_target_must_answer(host: str) -> None:
    text = refusal(serving().lose(host))

    assert f"{host} does not answer over ssh" in text
    assert text.startswith("rollback is refused, nothing was changed: ")


@pytest.mark.parametrize("role", ["edge", "app", "db"])
def test_a_stack_without_a_group_is_refused(role: str) -> None:
    s = serving()
    s.facts = {h: f for h, f in s.facts.items() if f["role"] != role}
    assert f"no host of group {role}" in refusal(s)


def test_a_colour_without_hosts_is_refused() -> None:
    s = serving()
    s.facts = {h: f for h, f in s.facts.items() if f["color"] != "blue"}
    assert "colour blue has no host" in refusal(s)


def test_edges_that_disagree_stop_a_rollback() -> None:
    s = three()
    s.facts["edge-2"] = {**s.facts["edge-1"], "active": "green"}
    assert "edge-1 says blue, edge-2 says green" in refusal(s)


def test_hosts_of_the_left_colour_that_disagree_are_settled_by_the_ledger() -> None:
    s = serving()
    s.facts["app-green-2"]["current"] = C.current
    assert rollback(s).previous == B.on("green")


def test_later_expand_steps_are_undone_after_the_traffic_moved() -> None:
    made = rollback(three(), A.name)

    assert (made.down, made.down_to, made.schema_left) == (["0002", "0003"], "0001", "")
    assert made.asker == "app-blue-1"


def test_the_host_that_is_asked_about_down_steps_is_one_that_answers() -> None:
    assert rollback(three().lose("app-blue-1"), A.name).asker == "app-blue-2"
    assert rollback(three().lose("app-blue-1", "app-blue-2"), A.name).asker == "app-green-1"


def test_a_step_that_a_deploy_holds_back_is_not_where_the_schema_goes_down_to() -> None:
    held = Version("0.1.5", ("0001", "0002"))
    s = three().wrote(held, 0.9, color="green").kept(held).applied("0001", "0003")
    s.ledger.append(s.ledger.pop(2))

    assert rollback(s, held.name).down_to == "0001"


def test_a_step_that_was_undone_is_applied_again_for_a_release_that_needs_it() -> None:
    s = serving().on("blue", C).applied("0001").wrote(C, 0.9, color="blue").kept(A, B, C)
    s.on("green", A)
    s.facts["edge-1"]["active"] = "blue"

    assert rollback(s, B.name).migrate
    assert not rollback(s, A.name).migrate


@pytest.mark.parametrize("kind", ["contract", "irreversible"])
def test_a_step_that_old_code_cannot_work_with_is_a_wall(kind: str) -> None:
    s = three().applied("0001", "0002", "0003", m0003=kind)
    text = refusal(s, B.name)

    assert f"migration 0003 is {kind}" in text
    assert all(way in text for way in ("freeze", "roll forward", "restore"))


def test_a_wall_that_the_target_knows_does_not_stop_it() -> None:
    s = three().applied("0001", "0002", "0003", m0001="irreversible")
    assert rollback(s, B.name).down == ["0003"]


def test_with_the_database_down_code_and_configuration_still_go_back() -> None:
    s = three()
    s.facts["db-1"] = {**s.facts["db-1"], "reachable": False, "migrations": []}
    made = rollback(s, A.name)

    assert (made.version, made.down, made.migrate) == (A.name, [], False)
    assert "the schema stays as it is" in made.schema_left


@given(
    st.lists(st.tuples(st.sampled_from([A, B, C]), st.sampled_from(["deploy", "rollback"]))),
    st.sampled_from(["blue", "green"]),
)
def test_a_rollback_never_goes_to_a_quarantined_release_or_to_the_active_one(
    past: list[tuple[Version, str]], active: str
) -> None:
    s = stand(active).kept(A, B, C).applied("0001")
    before: Version | None = None
    for version, kind in past:
        bad = [before.digest] if before and kind == "rollback" and before != version else []
        s.wrote(version, kind=kind, color=active, quarantine=bad)
        before = version
    s.on(active, before)
    try:
        made = rollback(s)
    except Refusal:
        return
    assert made.digest not in history.quarantined(s.ledger)
    assert before is not None
    assert made.digest != before.digest
