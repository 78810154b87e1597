"""The breaker as a state machine, with a clock that the test turns."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.breaker import Breaker, Permit, Snapshot, State


@dataclass
class Turned:
    """A breaker, its clock, and how often it said that it changed."""

    now: float = 1000.0
    changes: list[State] = field(default_factory=list)
    breaker: Breaker = field(init=False)

    def __post_init__(self) -> None:
        self.breaker = Breaker(lambda b: self.changes.append(b.state), clock=lambda: self.now)

    def call(self) -> Permit:
        """Admit a call; it must be."""
        permit = self.breaker.admit()
        assert permit is not None
        return permit

    def fail(self, times: int = 1) -> None:
        """Make failed calls."""
        for _ in range(times):
            self.breaker.failed(self.call())

    def opened(self) -> Turned:
        """Open it."""
        self.fail(5)
        assert self.breaker.state is State.OPEN
        return self


@pytest.fixture(name="turned")
def _turned() -> Turned:
    return Turned()


def test_five_failures_within_a_minute_open_it(turned: Turned) -> None:
    turned.fail(4)
    assert turned.breaker.state is State.CLOSED
    turned.now += 60
    turned.fail()
    assert (turned.breaker.state, turned.changes) == (State.OPEN, [State.OPEN])
    assert turned.breaker.admit() is None


def test_failures_that_are_older_than_a_minute_are_forgotten(turned: Turned) -> None:
    for _ in range(20):
        turned.fail()
        turned.now += 15.1
    assert turned.breaker.state is State.CLOSED


def test_good_answers_between_failures_do_not_hide_them(turned: Turned) -> None:
    for _ in range(5):
        turned.breaker.succeeded(turned.call())
        turned.fail()
    assert turned.breaker.state is State.OPEN


def test_it_is_probed_after_5_10_20_and_then_every_30_seconds(turned: Turned) -> None:
    turned.opened()
    for pause in (5, 10, 20, 30, 30, 30):
        assert turned.breaker.wait() == pytest.approx(pause)
        turned.now += pause - 0.01
        assert turned.breaker.admit() is None
        turned.now += 0.01
        turned.fail()


def test_there_is_one_probe_at_a_time(turned: Turned) -> None:
    turned.opened().now += 5
    assert turned.call().probe
    assert turned.breaker.admit() is None


def test_a_probe_that_hangs_makes_room_for_another_after_30_seconds(turned: Turned) -> None:
    turned.opened().now += 5
    turned.call()
    turned.now += 29.9
    assert turned.breaker.admit() is None
    turned.now += 0.1
    assert turned.call().probe


def test_a_good_probe_closes_it_and_what_was_is_forgotten(turned: Turned) -> None:
    turned.opened().now += 5
    turned.breaker.succeeded(turned.call())
    assert turned.changes == [State.OPEN, State.CLOSED]
    turned.fail(4)
    assert turned.breaker.state is State.CLOSED


def test_a_stream_that_closed_it_and_broke_later_is_a_failure(turned: Turned) -> None:
    turned.opened().now += 5
    probe = turned.call()
    turned.breaker.succeeded(probe)
    turned.fail(4)
    turned.breaker.failed(probe)
    assert turned.breaker.state is State.OPEN


def test_calls_from_before_it_opened_change_nothing_any_more(turned: Turned) -> None:
    late = [turned.call() for _ in range(9)]
    turned.opened()
    for permit in late[:5]:
        turned.breaker.failed(permit)
    for permit in late[5:]:
        turned.breaker.succeeded(permit)
    assert (turned.breaker.state, turned.breaker.wait()) == (State.OPEN, 5)


def test_what_hung_all_through_an_outage_does_not_open_it_again_after_it(turned: Turned) -> None:
    late = [turned.call() for _ in range(5)]
    turned.opened().now += 5
    turned.breaker.succeeded(turned.call())
    for permit in late:
        turned.breaker.failed(permit)
    assert turned.breaker.state is State.CLOSED


def test_a_probe_that_says_nothing_makes_room_at_once(turned: Turned) -> None:
    turned.opened().now += 5
    turned.breaker.released(turned.call())
    assert turned.call().probe


def test_a_first_429_is_obeyed_and_not_counted(turned: Turned) -> None:
    under_way = [turned.call() for _ in range(8)]
    for permit in under_way:
        turned.breaker.limited(permit, 20)
    assert (turned.breaker.state, turned.breaker.wait()) == (State.CLOSED, 20)
    assert turned.breaker.admit() is None
    turned.now += 20
    turned.breaker.succeeded(turned.call())


def test_429s_beyond_retry_after_or_without_it_are_failures(turned: Turned) -> None:
    turned.breaker.limited(turned.call(), 2)
    for _ in range(4):
        turned.now += 2
        turned.breaker.limited(turned.call(), 2)
    turned.now += 2
    turned.breaker.limited(turned.call(), None)
    assert turned.breaker.state is State.OPEN


def test_a_retry_after_that_is_longer_than_the_pause_is_obeyed(turned: Turned) -> None:
    turned.opened().now += 5
    turned.breaker.limited(turned.call(), 300)
    assert turned.breaker.wait() == 300
    assert turned.breaker.snapshot().probe_in == 300


def test_an_operator_opens_it_until_it_is_closed(turned: Turned) -> None:
    turned.breaker.adopt(Snapshot(state=State.FORCED))
    turned.now += 10_000
    assert (turned.breaker.wait(), turned.breaker.admit()) == (float("inf"), None)
    turned.breaker.adopt(Snapshot(state=State.CLOSED))
    assert not turned.call().probe


def test_what_another_process_found_is_taken_over_and_not_told_on(turned: Turned) -> None:
    turned.breaker.adopt(Snapshot(state=State.OPEN, failed_probes=2, probe_in=7))
    assert (turned.breaker.wait(), turned.changes) == (7, [])
    turned.now += 7
    turned.fail()
    assert turned.breaker.snapshot() == Snapshot(state=State.OPEN, failed_probes=3, probe_in=30)
    turned.breaker.adopt(Snapshot(state=State.CLOSED))
    assert turned.breaker.wait() == 0


def test_an_older_word_of_another_process_does_not_bring_the_probe_forward(turned: Turned) -> None:
    turned.opened().now += 5
    turned.fail()
    turned.breaker.adopt(Snapshot(state=State.OPEN, failed_probes=0, probe_in=1))
    assert turned.breaker.wait() == 10


@given(st.lists(st.tuples(st.sampled_from(["ok", "bad", "429", "gone"]), st.floats(0, 40))))
def test_a_dead_minute_costs_five_calls_and_the_probes_whatever_happens(
    steps: list[tuple[str, float]],
) -> None:
    """Never more than one probe is under way, and never are two admitted within 5 seconds."""
    turned = Turned()
    probes: list[float] = []
    for outcome, pause in steps:
        turned.now += pause
        permit = turned.breaker.admit()
        if permit is None:
            assert turned.breaker.wait() > 0
            continue
        if permit.probe and outcome == "bad":
            assert not probes or turned.now - probes[-1] >= 5
            probes.append(turned.now)
        if outcome == "ok":
            turned.breaker.succeeded(permit)
        elif outcome == "bad":
            turned.breaker.failed(permit)
        elif outcome == "429":
            turned.breaker.limited(permit, 3)
        turned.breaker.released(permit)
        if turned.breaker.state is State.OPEN:
            assert turned.breaker.admit() is None or outcome == "gone"
