"""What a verdict is given of the prober's report."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dash.platform.plugins.module_utils import sample
from ansible_collections.dash.platform.plugins.module_utils.verdict import Sample


def second(t: int, n: int, failed: int = 0, **colors: tuple[int, int, float]) -> dict[str, Any]:
    rows = {c: {"n": x, "failed": f, "p95_ms": p} for c, (x, f, p) in colors.items()}
    return {"t": t, "n": n, "failed": failed, "colors": rows}


def test_a_whole_report_counts_what_is_judged() -> None:
    report = {"sent": 310, "judged": 305, "limited": 5, "failed": 2, "by_color": {}}
    assert sample.whole(report) == Sample(300, 2, None)


def test_a_colour_weighs_as_much_as_it_answered() -> None:
    rows = {"blue": {"n": 100, "p95_ms": 10.0}, "green": {"n": 300, "p95_ms": 2.0}}
    assert sample.whole({"judged": 400, "failed": 0, "by_color": rows}).p95_ms == 4.0


def test_no_report_is_no_sample() -> None:
    assert sample.whole({}) == Sample(0, 0, None)
    assert sample.between({}, "blue", 0, 9) == Sample(0, 0, None)


def test_only_whole_seconds_of_the_span_count() -> None:
    report = {"seconds": [second(t, 10, 1, blue=(10, 1, 5.0)) for t in (9, 10, 11, 12)]}
    assert sample.between(report, "blue", 9.5, 12) == Sample(20, 2, 5.0)


def test_the_other_colour_does_not_count() -> None:
    report = {"seconds": [second(1, 20, 3, blue=(10, 0, 2.0), green=(10, 3, 90.0))]}
    assert sample.between(report, "blue", 0, 9) == Sample(10, 0, 2.0)


def test_answers_without_a_colour_count_for_who_serves() -> None:
    """A 503 of the edge itself carries no colour, and stands among good answers that do."""
    report = {"seconds": [second(1, 50, 7, green=(43, 0, 2.0)), second(2, 50, 50)]}
    assert sample.between(report, "green", 0, 9) == Sample(100, 57, 2.0)


def test_a_stack_that_tells_no_colours_is_still_counted() -> None:
    report = {"seconds": [second(1, 50, 2)]}
    assert sample.between(report, "green", 0, 9) == Sample(50, 2, None)


@given(
    st.lists(
        st.tuples(*[st.integers(0, 50)] * 3).map(
            lambda x: second(1, sum(x), x[0], blue=(x[1], 0, 1.0), green=(x[2], 0, 1.0))
        )
    )
)
def test_no_answer_is_lost_between_two_colours(seconds: list[dict[str, Any]]) -> None:
    report = {"seconds": seconds}
    blue, green = (sample.between(report, c, 0, 9) for c in ("blue", "green"))
    uncoloured = sum(s["n"] - sum(c["n"] for c in s["colors"].values()) for s in seconds)

    assert blue.n + green.n == sum(s["n"] for s in seconds) + uncoloured
    assert blue.failed == green.failed == sum(s["failed"] for s in seconds)
