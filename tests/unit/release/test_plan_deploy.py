"""What a deploy plans, and every reason for which it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dash.platform.plugins.module_utils import plan
from ansible_collections.dash.platform.plugins.module_utils.standing import Refusal
from tests.unit.release.stand import A, B, C, Stand, Version, request, serving, stand


def deploy(s: Stand, version: Version = C, **more: Any) -> plan.Plan:
    return plan.deploy(request("deploy", version, **more), s.facts, s.ledger)


def refusal(s: Stand, version: Version = C, **more: Any) -> str:
    with pytest.raises(Refusal) as caught:
        deploy(s, version, **more)
    text = str(caught.value)
    assert "\n" not in text
    assert "Next: " in text
    return text


def test_the_first_release_goes_to_blue() -> None:
    made = deploy(stand("none"), A)

    assert (made.from_color, made.to_color, made.runner) == ("none", "blue", "app-blue-1")
    assert (made.previous, made.restore, made.noop, made.migrate) == (None, None, "", True)


@pytest.mark.parametrize(("active", "idle"), [("blue", "green"), ("green", "blue")])
def test_a_release_goes_to_the_colour_that_does_not_serve(active: str, idle: str) -> None:
    s = stand(active).on(active, B).on(idle, A)
    made = deploy(s)

    assert (made.from_color, made.to_color, made.runner) == (active, idle, f"app-{idle}-1")
    assert made.previous == B.on(active)
    assert made.restore == A.on(idle)


def test_a_plan_carries_what_is_released() -> None:
    made = deploy(serving(), C, git_sha="abc")

    assert (made.version, made.digest, made.git_sha) == (C.name, C.digest, "abc")
    assert made.known == ["0001", "0002", "0003"]
    assert (made.quarantine, made.down, made.warm) == ([], [], False)


def test_the_fence_is_one_above_the_highest_of_hosts_and_ledger() -> None:
    s = serving()
    assert deploy(s).fence == 4
    s.ledger[0]["fence"] = 41
    assert deploy(s).fence == 42
    s.facts["app-blue-2"]["fence"] = 99
    assert deploy(s).fence == 100


def test_the_active_release_is_not_deployed_again() -> None:
    assert "nothing to do" in deploy(serving(), B).noop


def test_the_active_release_is_deployed_again_when_it_does_not_serve() -> None:
    s = serving()
    s.facts["app-green-2"]["ready"] = False
    assert deploy(s, B).noop == ""


def test_the_same_code_with_another_configuration_is_a_deploy() -> None:
    changed = Version(B.name, B.known, "DASH_APP_LOG_LEVEL=debug\n")
    made = deploy(serving(), changed)

    assert (made.noop, made.to_color) == ("", "blue")


def test_other_content_under_a_version_of_the_ledger_is_refused() -> None:
    s = serving()
    s.ledger[0]["version"] = C.name
    assert f"version {C.name} is known with digest {A.digest[:12]}" in refusal(s, C)


def test_other_content_under_a_version_on_a_host_is_refused() -> None:
    s = stand("none")
    s.facts["app-green-2"]["releases"] = [{"version": A.name, "digest": B.digest}]
    assert "names one digest for ever" in refusal(s, A)


def test_a_half_unpacked_release_on_a_host_has_no_say_about_the_digest() -> None:
    s = stand("none")
    s.facts["app-green-2"]["releases"] = [{"version": A.name, "digest": ""}]
    assert deploy(s, A).version == A.name


def test_a_quarantined_release_needs_force() -> None:
    s = serving()
    s.ledger[-1] |= {"kind": "rollback", "version": A.name, "digest": A.digest}
    s.ledger[-1] |= {"quarantine": [B.digest]}
    assert "quarantined" in refusal(s, B)
    assert deploy(s, B, force=True).version == B.name


def test_force_lifts_the_quarantine_for_good() -> None:
    s = serving().wrote(A, kind="rollback", quarantine=[B.digest]).wrote(B).wrote(C)
    assert deploy(s, B).version == B.name


@pytest.mark.parametrize(
    ("host", "fact", "said"),
    [
        ("app-blue-1", {"disk_free_mib": 511}, "app-blue-1 has 511 MiB of disk left, 512 are"),
        ("app-green-1", {"clock_skew": -7.2}, "the clock of app-green-1 is -7 s off"),
        ("app-green-1", {"clock_skew": 6.0}, "the clock of app-green-1 is +6 s off"),
        ("edge-1", {"haproxy_active": False}, "haproxy does not run on edge-1"),
        ("edge-1", {"certificate_days": 0}, "the certificate of edge-1 has expired"),
        ("db-1", {"reachable": False, "why": "connection refused"}, "(connection refused)"),
        ("db-1", {"reachable": False}, "the database on db-1 does not answer (no reason given)"),
    ],
)
def test_a_host_that_is_not_well_stops_a_deploy(host: str, fact: dict[str, Any], said: str) -> None:
    s = serving()
    s.facts[host] |= fact
    text = refusal(s)

    assert said in text
    assert text.startswith("deploy is refused, nothing was changed: ")


@pytest.mark.parametrize(
    "fact", [{"disk_free_mib": 512}, {"clock_skew": 5.0}, {"clock_skew": -5.0}]
)
def test_the_limits_themselves_are_well(fact: dict[str, Any]) -> None:
    s = serving()
    s.facts["app-blue-1"] |= fact
    assert deploy(s).noop == ""


@pytest.mark.parametrize("host", ["edge-1", "app-blue-2", "app-green-1", "db-1"])
def test_every_host_must_answer(host: str) -> None:
    assert f"{host} does not answer over ssh" in refusal(serving().lose(host))


def test_every_reason_is_named_at_once() -> None:
    s = serving().lose("app-blue-2", "db-1")
    s.facts["edge-1"]["haproxy_active"] = False
    text = refusal(s)

    assert all(host in text for host in ("app-blue-2", "db-1", "edge-1"))


@pytest.mark.parametrize(("role", "group"), [("edge", "edge"), ("app", "app"), ("db", "db")])
def test_a_stack_without_a_group_is_refused(role: str, group: str) -> None:
    s = serving()
    s.facts = {h: f for h, f in s.facts.items() if f["role"] != role}
    text = refusal(s)

    assert f"no host of group {group}" in text
    assert text.endswith("Next: ./dash up")


def test_a_colour_without_hosts_is_refused() -> None:
    s = serving()
    s.facts = {h: f for h, f in s.facts.items() if f["color"] != "blue"}
    assert "colour blue has no host" in refusal(s)


def test_edges_that_disagree_stop_a_deploy() -> None:
    s = stand("blue", edges=2)
    s.facts["edge-2"]["active"] = "green"
    text = refusal(s)

    assert "edge-1 says blue, edge-2 says green" in text
    assert "./dash switch COLOUR" in text


def test_an_edge_that_has_not_joined_yet_is_named() -> None:
    s = stand("blue", edges=2)
    s.facts["edge-2"]["active"] = "none"
    text = refusal(s)

    assert "edge-2 does not serve what the others do" in text
    assert text.endswith("Next: ./dash configure")


def test_hosts_keep_what_served_or_was_left_within_the_window() -> None:
    old, month = Version("0.0.9"), 24 * 30
    s = (
        stand()
        .wrote(Version("0.0.7"), hours_ago=month + 2)
        .wrote(Version("0.0.8"), hours_ago=month + 1)
        .wrote(old, hours_ago=month)
        .wrote(A, hours_ago=3, previous=old.on("blue"))
        .wrote(B, hours_ago=2, previous=A.on("green"))
        .wrote(Version("9.9.9"), hours_ago=1, outcome="reverted")
        .wrote(C, hours_ago=1, previous=B.on("blue"))
    )
    assert deploy(s, Version("0.4.0")).keep == [old.name, A.name, B.name, C.name]


@given(st.lists(st.sampled_from(["edge-1", "app-blue-1", "app-green-2", "db-1"]), min_size=1))
def test_no_deploy_is_planned_with_any_host_missing(lost: list[str]) -> None:
    with pytest.raises(Refusal):
        deploy(serving().lose(*set(lost)))
