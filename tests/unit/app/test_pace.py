"""Requests of sessions and strangers: so many a minute, then one as time goes by."""

from __future__ import annotations

import pytest

from app.access import pace
from app.access.pace import Pace, TooFast


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


def served(limit: Pace, many: int, who: str = "ann") -> int:
    """Ask often and return how many requests were served."""
    done = 0
    for _ in range(many):
        try:
            limit.count(who)
        except TooFast:
            continue
        done += 1
    return done


@pytest.mark.parametrize("rate", [1, 3, 7, 60, 600, 9999])
def test_a_minutes_requests_are_served_and_no_more(clock: Clock, rate: int) -> None:
    assert served(Pace(rate, clock), rate + 50) == rate


def test_time_gives_them_back_one_by_one(clock: Clock) -> None:
    limit = Pace(60, clock)
    served(limit, 60)
    for seconds, more in ((0.9, 0), (0.2, 1), (10, 10), (600, 60)):
        clock.now += seconds
        assert served(limit, 100) == more, seconds


def test_what_was_refused_does_not_make_one_wait_longer(clock: Clock) -> None:
    limit = Pace(60, clock)
    served(limit, 10_000)
    clock.now += 1.01
    assert served(limit, 100) == 1


def test_one_does_not_use_what_another_has(clock: Clock) -> None:
    limit = Pace(5, clock)
    assert [served(limit, 9, who) for who in ("ann", "bob", "ann")] == [5, 5, 0]


def test_the_headers_say_what_is_left_and_when_to_come_back(clock: Clock) -> None:
    limit = Pace(6, clock)
    said = [limit.count("ann")["RateLimit"] for _ in range(6)]
    assert said == [f'"minute";r={5 - n};t={10 * (n + 1) + 1}' for n in range(6)]
    with pytest.raises(TooFast) as caught:
        limit.count("ann")
    assert (caught.value.status, caught.value.code) == (429, "rate_limited")
    assert caught.value.headers == {
        "RateLimit-Policy": '"minute";q=6;w=60', "RateLimit": '"minute";r=0;t=61',
    }  # fmt: skip
    clock.now += caught.value.retry_after or 0
    assert served(limit, 5) == 1


def test_those_who_wait_are_not_forgotten_and_the_others_are(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MOST", 10)
    limit = Pace(6, clock)
    for n in range(100):
        limit.count(f"address {n}")
    assert len(limit) == 10
    clock.now += 3600
    limit.count("ann")
    assert len(limit) == 1
