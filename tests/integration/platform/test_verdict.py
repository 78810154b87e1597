"""Statistics on what was counted."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dash.platform.plugins.module_utils import verdict
from ansible_collections.dash.platform.plugins.module_utils.verdict import Sample

counted = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("failures", "n", "lower", "upper"),
    [
        # R 4.3, binom.test(k, n, conf.level = 0.9): the two-sided 90 % is twice one-sided 95 %
        (10, 100, 0.05526, 0.16372),
        (3, 1000, 0.000818, 0.007735),
        (1, 2, 0.02532, 0.97468),
        (5, 5, 0.54928, 1.0),
        # by hand: 1 - 0.05 ** (1 / n)
        (0, 300, 0.0, 0.009936),
        (0, 1, 0.0, 0.95),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_bounds_are_those_of_the_tables(
    failures: int, n: int, lower: float, upper: float
) -> None:
    assert verdict.lower_bound(failures, n) == pytest.approx(lower, abs=1e-5)
    assert verdict.upper_bound(failures, n) == pytest.approx(upper, abs=1e-5)


@given(counted)
def test_the_bounds_enclose_what_was_seen(counts: tuple[int, int]) -> None:
    failures, n = counts

    assert verdict.lower_bound(*counts) <= failures / n <= verdict.upper_bound(*counts)


@given(counted)
def test_a_bound_is_where_chance_alone_would_explain_what_was_seen(counts: tuple[int, int]) -> None:
    """The definition, held against a plain sum of the binomial distribution."""
    failures, n = counts

    def at_most(k: int, p: float) -> float:
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))

    if n <= 200 and failures < n:
        assert at_most(failures, verdict.upper_bound(failures, n)) == pytest.approx(0.05)
    if n <= 200 and failures > 0:
        lower = verdict.lower_bound(failures, n)
        assert 1 - at_most(failures - 1, lower) == pytest.approx(0.05)


@given(counted)
def test_more_failures_never_make_a_better_verdict(counts: tuple[int, int]) -> None:
    order = ["pass", "inconclusive", "fail"]
    failures, n = counts

    if failures < n:
        here, worse = verdict.judge_errors(failures, n), verdict.judge_errors(failures + 1, n)
        assert order.index(here) <= order.index(worse)


@given(counted)
def test_the_same_rate_over_more_requests_is_known_more_closely(counts: tuple[int, int]) -> None:
    failures, n = counts

    assert verdict.upper_bound(2 * failures, 2 * n) <= verdict.upper_bound(failures, n) + 1e-9
    assert verdict.lower_bound(2 * failures, 2 * n) >= verdict.lower_bound(failures, n) - 1e-9


@pytest.mark.parametrize(
    ("failures", "n", "says"),
    [
        (0, 0, "inconclusive"),
        (0, 298, "inconclusive"),
        (0, 299, "pass"),
        (0, 300, "pass"),
        (1, 300, "inconclusive"),
        (3, 300, "inconclusive"),
        (10, 300, "fail"),
        (300, 300, "fail"),
    ],
)
def test_errors_are_judged_against_one_percent(failures: int, n: int, says: str) -> None:
    assert verdict.judge_errors(failures, n) == says


@pytest.mark.parametrize(
    ("new", "old", "says"),
    [
        (210.0, 11.0, "pass"),  # 199 ms more are no news
        (211.1, 11.0, "fail"),
        (299.0, 100.0, "pass"),
        (300.1, 100.0, "fail"),
        (None, 10.0, "inconclusive"),
        (10.0, None, "inconclusive"),
    ],
)
def test_slow_is_three_times_as_slow_and_two_hundred_milliseconds(
    new: float | None, old: float | None, says: str
) -> None:
    assert verdict.judge_latency(new, old) == says


def test_a_good_release_passes_with_its_figures() -> None:
    judged = verdict.judge(Sample(300, 0, 12.0), Sample(500, 0, 10.0))

    assert judged == {
        "verdict": "pass",
        "n": 300,
        "failures": 0,
        "upper_bound": 0.0099,
        "p95_ms": 12.0,
        "old_p95_ms": 10.0,
        "slow": False,
        "why": "0 of 300 requests failed, error rate below 1.0% (95 % confidence)",
    }


def test_a_fault_that_both_share_is_not_the_new_ones() -> None:
    old = Sample(1000, 100)

    assert verdict.judge(Sample(300, 25), old)["verdict"] != "fail"
    assert verdict.judge(Sample(300, 60), old)["verdict"] == "fail"


def test_slow_fails_also_without_errors() -> None:
    judged = verdict.judge(Sample(300, 0, 400.0), Sample(300, 0, 10.0))

    assert judged["verdict"] == "fail"
    assert judged["why"] == "p95 is 400 ms, the old colour has 10 ms"
    assert judged["slow"]


def test_errors_come_before_slowness_in_what_is_told() -> None:
    judged = verdict.judge(Sample(300, 200, 400.0), Sample(300, 0, 10.0))

    assert judged["why"] == "200 of 300 requests failed, 1.0% is allowed"


def test_nothing_sent_is_inconclusive_and_says_so() -> None:
    judged = verdict.judge(Sample(0, 0), Sample(0, 0))

    assert judged["verdict"] == "inconclusive"
    assert judged["why"].startswith("0 of 0 requests failed: the error rate may be as high as 100")


def test_a_sample_takes_the_median_second() -> None:
    assert Sample.of(9, 1, [50.0, 10.0, 90.0]) == Sample(9, 1, 50.0)
    assert Sample.of(9, 1, []) == Sample(9, 1, None)


def test_an_edge_that_served_a_hundred_million_requests_is_judged_in_no_time() -> None:
    started = time.monotonic()

    verdict.judge(Sample(10_000, 3), Sample(100_000_000, 100_000))

    assert time.monotonic() - started < 5
