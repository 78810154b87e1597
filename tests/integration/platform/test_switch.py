"""The switch of an edge, its timer, and the way back."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.dash.platform.plugins.module_utils import (
    haproxy,
    operation,
    paths,
    switch,
    timer,
)
from tests.integration.platform.edges import ID, move, serves, state
from tests.integration.platform.fake_haproxy import FakeHaproxy
from tests.integration.platform.fake_programs import Programs


def test_a_switch_moves_file_and_haproxy_and_says_from_where(
    edge: switch.Edge, proxy: FakeHaproxy
) -> None:
    done = move(edge)

    assert serves(edge, proxy, "green")
    assert done.from_color == "blue"
    assert 0 < done.took_ms < 1000
    assert state(edge) == "switched"


def test_the_timer_is_armed_before_traffic_moves(
    edge: switch.Edge, proxy: FakeHaproxy, programs: Programs
) -> None:
    programs.have("systemd-run", f"cp {paths.MAP} {paths.MAP}.then")

    move(edge)

    assert paths.MAP.with_name("active.map.then").read_text(encoding="ascii") == "active blue\n"
    assert serves(edge, proxy, "green")


def test_the_timer_says_what_runs_when_and_as_what(edge: switch.Edge, programs: Programs) -> None:
    move(edge)

    (words,) = programs.calls("systemd-run")
    assert "--unit=dash-confirm-0d5c1e6e" in words
    assert "--on-active=120.0s" in words
    assert "--timer-property=AccuracySec=100ms" in words
    assert "--property=Restart=on-failure" in words
    assert "--setenv=PYTHONPATH=/usr/local/lib/dash" in words
    assert words[-5:] == ["-m", timer.EDGECTL, "revert", "--id", ID]


@pytest.mark.parametrize("body", ["echo 'no bus' >&2; exit 1", "exit 1"])
def test_no_timer_no_switch(
    edge: switch.Edge, proxy: FakeHaproxy, programs: Programs, body: str
) -> None:
    programs.have("systemd-run", body)

    with pytest.raises(timer.NotArmed, match="cannot arm the timer"):
        move(edge)

    assert serves(edge, proxy, "blue")
    assert state(edge) == "begun"


def test_a_systemd_that_hangs_is_no_timer(
    edge: switch.Edge, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer, "TIMEOUT", 0.3)
    programs.have("systemd-run", "exec sleep 10")
    programs.have("systemctl", "exec sleep 10")

    with pytest.raises(timer.NotArmed, match="TimeoutExpired"):
        move(edge)

    assert state(edge) == "begun"


def test_a_colour_that_is_not_up_gets_no_traffic(
    edge: switch.Edge, proxy: FakeHaproxy, programs: Programs
) -> None:
    proxy.backends["app_green"].states["app-green-1"] = "DOWN"

    with pytest.raises(haproxy.HaproxyError, match="the switch is refused"):
        move(edge)

    assert serves(edge, proxy, "blue")
    assert programs.calls("systemd-run") == []


@pytest.mark.parametrize("other", [None, "another"])
def test_only_the_open_operation_may_switch(
    edge: switch.Edge, proxy: FakeHaproxy, other: str | None
) -> None:
    edge.operation.move(ID, "recorded")
    if other:
        edge.operation.begin({"id": other})

    with pytest.raises(operation.Illegal, match="is not open on this edge"):
        move(edge)

    assert serves(edge, proxy, "blue")


def test_an_operation_that_went_back_cannot_switch(edge: switch.Edge, programs: Programs) -> None:
    edge.revert(ID)

    with pytest.raises(operation.Illegal, match="is reverted: it cannot become switched"):
        move(edge)

    assert programs.calls("systemd-run") == []


def test_a_switch_run_twice_still_knows_where_it_came_from(
    edge: switch.Edge, proxy: FakeHaproxy
) -> None:
    move(edge)
    first = (edge.operation.current() or {})["deadline"]

    again = move(edge)

    assert again.from_color == "blue"
    assert (edge.operation.current() or {})["deadline"] > first
    assert edge.revert(ID)
    assert serves(edge, proxy, "blue")


def test_a_confirmed_edge_stays_and_the_timer_goes(
    edge: switch.Edge, proxy: FakeHaproxy, programs: Programs
) -> None:
    move(edge)

    assert edge.confirm(ID)
    assert not edge.revert(ID)
    assert serves(edge, proxy, "green")
    assert programs.calls("systemctl")[-1] == ["stop", "dash-confirm-0d5c1e6e.timer"]
    assert not edge.confirm(ID)


def test_an_edge_that_went_back_cannot_be_confirmed(edge: switch.Edge) -> None:
    move(edge)
    edge.revert(ID)

    with pytest.raises(operation.Illegal, match="is reverted: it cannot become confirmed"):
        edge.confirm(ID)


def test_a_controller_may_take_back_what_it_confirmed(
    edge: switch.Edge, proxy: FakeHaproxy
) -> None:
    """What fails between the confirmation and the record is undone with the traffic moved."""
    move(edge)
    edge.confirm(ID)

    assert edge.revert(ID, told=True)
    assert serves(edge, proxy, "blue")
    assert state(edge) == "reverted"


def test_going_back_twice_is_going_back_once(edge: switch.Edge, proxy: FakeHaproxy) -> None:
    move(edge)

    assert edge.revert(ID)
    proxy.commands.clear()
    assert not edge.revert(ID)
    assert proxy.commands == []


def test_an_operation_that_moved_nothing_goes_back_without_touching_haproxy(
    edge: switch.Edge, proxy: FakeHaproxy
) -> None:
    assert not edge.revert(ID)
    assert state(edge) == "reverted"
    assert proxy.commands == []


def test_another_operation_is_not_taken_back(edge: switch.Edge, proxy: FakeHaproxy) -> None:
    move(edge)

    assert not edge.revert("another")
    assert serves(edge, proxy, "green")


def test_going_back_works_while_haproxy_is_down(edge: switch.Edge, proxy: FakeHaproxy) -> None:
    """The file is what HAProxy reads at its start."""
    move(edge)
    proxy.stop()

    assert edge.revert(ID)
    proxy.load()
    assert serves(edge, proxy, "blue")
    assert state(edge) == "reverted"


def test_a_haproxy_that_refuses_keeps_the_timers_work_open(
    edge: switch.Edge, proxy: FakeHaproxy
) -> None:
    move(edge)
    proxy.stuck = True

    with pytest.raises(haproxy.HaproxyError):
        edge.revert(ID)

    assert state(edge) == "switched"
    proxy.stuck = False
    assert edge.revert(ID)
    assert serves(edge, proxy, "blue")


@pytest.mark.parametrize("color", ["blue", "none"])
def test_going_back_means_the_colour_before(
    edge: switch.Edge, proxy: FakeHaproxy, color: str
) -> None:
    """After a first deploy that is no colour at all."""
    edge.point_to(color)
    move(edge)

    edge.revert(ID)

    assert serves(edge, proxy, color)


@pytest.mark.timeout(30)
def test_timer_and_controller_never_both_win(edge: switch.Edge, proxy: FakeHaproxy) -> None:
    """Whatever comes first, state and traffic agree afterwards."""
    seen = set()
    for n in range(30):
        identity = f"{n:08d}"
        edge.operation.begin({"id": identity})
        edge.point_to("blue")
        edge.switch(identity, "green", confirm_within=120, wait_up=0)
        start = threading.Barrier(2)
        outcome: list[str] = []

        def confirm(start: threading.Barrier, who: str, said: list[str]) -> None:
            start.wait()
            try:
                switch.Edge().confirm(who)
            except operation.Illegal:
                said.append("too late")

        thread = threading.Thread(target=confirm, args=(start, identity, outcome))
        thread.start()
        start.wait()
        time.sleep(n % 3 * 0.001)
        edge.revert(identity)
        thread.join()
        seen.add(state(edge))
        assert serves(edge, proxy, "green" if state(edge) == "confirmed" else "blue")
        assert bool(outcome) == (state(edge) == "reverted")
    assert seen <= {"confirmed", "reverted"}


def test_after_a_boot_a_switch_in_its_window_waits_on(
    edge: switch.Edge, proxy: FakeHaproxy, programs: Programs
) -> None:
    move(edge)

    said = edge.recover()

    assert said.startswith("a switch waits for its confirmation for another 1")
    words = programs.calls("systemd-run")[-1]
    seconds = next(w for w in words if w.startswith("--on-active="))
    assert 115 < float(seconds.removeprefix("--on-active=").removesuffix("s")) <= 120
    assert serves(edge, proxy, "green")


def test_after_a_boot_past_the_window_the_edge_goes_back(
    edge: switch.Edge, proxy: FakeHaproxy
) -> None:
    move(edge)
    held = edge.operation.current() or {}
    edge.operation.keep({**held, "deadline": time.time() - 1})

    assert edge.recover() == "the switch was never confirmed: back on blue"
    assert serves(edge, proxy, "blue")


def test_a_clock_that_was_set_back_does_not_stretch_the_window(
    edge: switch.Edge, programs: Programs
) -> None:
    move(edge)
    held = edge.operation.current() or {}
    edge.operation.keep({**held, "deadline": time.time() + 9999})

    edge.recover()

    assert "--on-active=120.0s" in programs.calls("systemd-run")[-1]


@pytest.mark.parametrize("final", [None, "begun", "confirmed", "reverted"])
def test_after_a_boot_nothing_else_is_recovered(
    edge: switch.Edge, proxy: FakeHaproxy, final: str | None
) -> None:
    held = edge.operation.current() or {}
    edge.operation.move(ID, "recorded")
    if final:
        edge.operation.keep({**held, "state": final})

    assert edge.recover() == "nothing to recover"
    assert serves(edge, proxy, "blue")


def test_an_edge_without_a_map_has_no_colour() -> None:
    paths.MAP.write_text("\n", encoding="ascii")
    assert switch.Edge().active() == "none"

    paths.MAP.unlink()
    assert switch.Edge().active() == "none"
