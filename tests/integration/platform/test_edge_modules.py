"""The modules of an edge, run as Ansible runs them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import fence, lease, ledger, paths
from ansible_collections.dash.platform.plugins.module_utils.operation import OperationFile
from ansible_collections.dash.platform.plugins.module_utils.switch import Edge
from tests.integration.platform.edges import ID, serves, state
from tests.integration.platform.fake_haproxy import FakeHaproxy
from tests.integration.platform.fake_programs import Programs
from tests.integration.platform.test_ledger import entry

HOLDER = {"user": "ann", "host": "laptop", "pid": 1, "boot_id": "b", "pid_start": 1}


def take(run_module: Any, identity: str = ID, number: int = 7, **more: Any) -> dict[str, Any]:
    done: dict[str, Any] = run_module(
        "lease",
        state="present",
        id=identity,
        holder=HOLDER,
        kind="deploy",
        fence=number,
        ttl=0.5,
        **more,
    )
    return done


def test_a_whole_operation_from_lease_to_record(
    run_module: Any, proxy: FakeHaproxy, programs: Programs
) -> None:
    assert programs.calls("systemd-run") == []
    edge, common = Edge(), {"id": ID, "fence": 7}

    taken = take(run_module, operation={"from_color": "blue", "to_color": "green"})
    assert (taken["acquired"], taken["fence_seen"], taken["previous"]) == (True, 0, None)
    assert state(edge) == "begun"

    done = run_module("edge_switch", state="switched", color="green", **common)
    assert (done["changed"], done["color"], done["from_color"]) == (True, "green", "blue")
    assert done["took_ms"] < 1000
    assert run_module("lease", state="renewed", id=ID)["expires_at"] > done["at"]

    confirmed = run_module("edge_switch", state="confirmed", color="green", **common)
    assert confirmed == {"changed": True, "active": "green"}
    recorded = run_module("operation", state="recorded", entries=[entry(7)], lease=ID, **common)
    assert recorded == {"changed": True, "state": "recorded", "appended": 1}

    assert OperationFile().current() is None
    assert lease.LeaseFile().current() is None
    assert serves(edge, proxy, "green")


def test_each_step_is_safe_to_run_twice(
    run_module: Any, proxy: FakeHaproxy, programs: Programs
) -> None:
    assert programs.calls("systemctl") == []
    take(run_module, operation={})
    for name, params, again in (
        ("edge_switch", {"state": "switched", "color": "green", "id": ID, "fence": 7}, True),
        ("edge_switch", {"state": "confirmed", "color": "green", "id": ID, "fence": 7}, False),
        (
            "operation",
            {"state": "recorded", "id": ID, "fence": 7, "entries": [entry(7)], "lease": ID},
            False,
        ),
    ):
        assert run_module(name, **params)["changed"]
        assert run_module(name, **params)["changed"] is again
    assert proxy.map == {"active": "green"}


def test_a_revert_gives_the_traffic_back(
    run_module: Any, proxy: FakeHaproxy, programs: Programs
) -> None:
    assert programs.calls("systemctl") == []
    take(run_module, operation={})
    run_module("edge_switch", state="switched", color="green", id=ID, fence=7)

    back = run_module("edge_switch", state="reverted", color="blue", id=ID, fence=7)

    assert back == {"changed": True, "active": "blue"}
    assert proxy.map == {"active": "blue"}


CHANGING: list[tuple[str, dict[str, Any]]] = [
    ("edge_switch", {"state": "switched", "color": "green", "id": ID}),
    ("edge_switch", {"state": "reverted", "color": "blue", "id": ID}),
    ("edge_watch", {"color": "green", "id": ID, "seconds": 0}),
    ("operation", {"state": "recorded", "id": ID}),
    ("release_deliver", {"artifact": "/x", "version": "1", "digest": "d"}),
    ("release_activate", {"version": ""}),
    ("release_prune", {"keep": []}),
    ("release_app", {"version": "1", "argv": ["migrate"]}),
]


@pytest.mark.parametrize(("name", "params"), CHANGING)
def test_an_overtaken_operation_changes_nothing(
    run_module: Any, name: str, params: dict[str, Any]
) -> None:
    fence.check(12)

    done = run_module(name, fence=11, **params)

    assert done["failed"]
    assert done["msg"] == (
        "this host has seen fencing number 12; 11 is an operation that was overtaken"
    )


def test_two_controllers_with_the_same_number_do_not_both_go_on(run_module: Any) -> None:
    """The first died right after it took the lease; the second had looked before that."""
    take(run_module, operation={})

    second = take(run_module, "11111111-8f0a-4d5a-9d0b-3a3f1f1c9a10")

    assert second["failed"]
    assert "7 is taken: another operation was quicker" in second["msg"]
    assert (lease.LeaseFile().current() or {})["id"] == ID


def test_an_operation_is_not_opened_over_another(run_module: Any) -> None:
    take(run_module, operation={"to_color": "green"})

    second = take(run_module, "11111111-8f0a-4d5a-9d0b-3a3f1f1c9a10", 8, operation={})

    assert "is open on this edge (begun)" in second["msg"]
    assert fence.seen() == 7
    assert (OperationFile().current() or {})["id"] == ID


def test_a_recovery_takes_the_lease_and_leaves_the_operation(run_module: Any) -> None:
    take(run_module, operation={"to_color": "green"})

    second = take(run_module, "11111111-8f0a-4d5a-9d0b-3a3f1f1c9a10", 8, holder_is_dead=ID)

    assert (second["acquired"], second["previous"]["id"]) == (True, ID)
    assert second["waited_s"] < 0.5
    assert state(Edge()) == "begun"


def test_a_paused_operation_is_replaced_by_its_answer(run_module: Any) -> None:
    take(run_module, operation={"to_color": "green"})
    run_module("operation", state="paused", id=ID, fence=7)
    run_module("lease", state="absent", id=ID)

    answer = "11111111-8f0a-4d5a-9d0b-3a3f1f1c9a10"
    assert take(run_module, answer, 8, operation={})["previous"]["state"] == "paused"
    assert (OperationFile().current() or {})["id"] == answer


def test_giving_back_what_is_not_ours_changes_nothing(run_module: Any) -> None:
    take(run_module)

    assert run_module("lease", state="absent", id="another") == {"changed": False}
    assert "holds the lease" in run_module("lease", state="renewed", id="another")["msg"]


@pytest.mark.parametrize(
    ("name", "params", "says"),
    [
        ("edge_switch", {"state": "switched", "color": "red", "id": ID, "fence": 1}, "red"),
        ("lease", {"state": "present", "id": ID}, "holder"),
        ("operation", {"state": "switched", "id": ID, "fence": 1}, "switched"),
        ("edge_drain", {"color": "blue", "seconds": 1}, "HAProxy does not answer"),
    ],
)
def test_what_cannot_be_is_one_line(
    run_module: Any, name: str, params: dict[str, Any], says: str
) -> None:
    done = run_module(name, **params)

    assert done["failed"]
    assert says in done["msg"]
    assert "\n" not in done["msg"]


def test_an_entry_that_cannot_be_written_leaves_the_operation_open(run_module: Any) -> None:
    take(run_module, operation={"to_color": "green"})

    done = run_module("operation", state="recorded", id=ID, fence=7, entries=[{}], lease=ID)

    assert "lacks id" in done["msg"]
    assert state(Edge()) == "begun"
    assert (lease.LeaseFile().current() or {})["id"] == ID


def test_what_another_holds_is_not_given_back(run_module: Any) -> None:
    take(run_module, operation={})
    other = "11111111-8f0a-4d5a-9d0b-3a3f1f1c9a10"

    done = run_module("operation", state="recorded", id=other, fence=7, lease=other)

    assert not done["changed"]
    assert (lease.LeaseFile().current() or {})["id"] == ID
    assert state(Edge()) == "begun"


def test_a_host_that_was_never_configured_is_one_line(run_module: Any) -> None:
    for left in paths.EDGE_STATE.iterdir():
        left.unlink()
    paths.EDGE_STATE.rmdir()

    assert take(run_module)["msg"] == (
        f"{paths.EDGE_STATE} is not on this host. Next: ./dash configure"
    )


def test_a_full_disk_is_one_line(run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: object, _entries: object) -> int:
        raise OSError(28, "No space left on device", str(paths.EDGE_STATE))

    monkeypatch.setattr(ledger, "append", full)

    done = run_module("operation", state="recorded", id=ID, fence=1, entries=[entry(1)])

    assert done["msg"] == f"{paths.EDGE_STATE}: No space left on device"
