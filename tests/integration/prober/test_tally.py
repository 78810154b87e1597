"""How answers add up: failures, excuses, gaps, switches of colour."""

from __future__ import annotations

import dataclasses
import random
import time
from typing import Any

import pytest

from ops.probing.answer import Answer
from ops.probing.histogram import Histogram
from ops.probing.losses import KEPT, Losses
from ops.probing.summary import summary_line
from ops.probing.tally import FAILURES_KEPT, SECONDS_KEPT, Tally

START = time.monotonic() - 10_000  # all answers of these tests lie in the past


def answer(at: float, *, status: int = 200, took: float = 0.01, **known: Any) -> Answer:
    """Return an answer that was complete `at` seconds from START."""
    words = {"kind": "keepalive", "request": "GET /healthz", **known}
    due = START + at - took
    return Answer(intended=due, started=due, done=START + at, status=status, **words)


def tally_of(*answers: Answer, baseline: bool = True, **excused: str) -> Tally:
    tally = Tally(10, baseline=baseline, excused=excused)
    for one in answers:
        tally.sent += 1
        tally.record(one)
    return tally


def report_of(*answers: Answer, **known: Any) -> dict[str, Any]:
    ended = max((one.done for one in answers), default=START)
    return tally_of(*answers, **known).report(running=False, sending_ended=ended)


def test_good_answers_are_no_failures() -> None:
    report = report_of(answer(0), answer(0.1), answer(0.2, status=204))
    assert (report["sent"], report["answered"], report["failed"], report["judged"]) == (3, 3, 0, 3)


@pytest.mark.parametrize(
    "bad",
    [
        {"status": 500}, {"status": 503}, {"status": 404}, {"status": 401}, {"status": 302},
        {"status": 0, "error": "timeout: no complete answer"},
        {"status": 200, "error": "changed body: 3 bytes"},
    ],
)  # fmt: skip
def test_bad_answer_after_a_good_one_is_a_failure(bad: dict[str, Any]) -> None:
    report = report_of(answer(0), answer(0.1, color="blue", request_id="r-7", **bad), answer(0.2))
    assert report["failed"] == 1
    (failure,) = report["failures"]
    what = {"error": bad["error"]} if "error" in bad else {"status": bad["status"]}
    assert what.items() <= failure.items()
    assert failure["kind"] == "keepalive"
    assert failure["color"] == "blue"
    assert failure["request_id"] == "r-7"


def test_latency_counts_from_when_the_request_was_due() -> None:
    late = dataclasses.replace(answer(1, took=0.5), started=START + 0.99)
    assert late.latency_ms == pytest.approx(500)


def test_rate_limit_is_neither_good_nor_failed() -> None:
    report = report_of(answer(0), answer(0.5, status=429), answer(1))
    assert (report["failed"], report["limited"]) == (0, 1)
    assert report["worst_gap_ms"] == pytest.approx(900, abs=1)


def test_request_that_was_bad_from_the_start_is_not_judged() -> None:
    refused = [
        answer(t / 10, status=401, kind="post", request="POST /v1/echo") for t in range(1, 4)
    ]
    report = report_of(answer(0), *refused, answer(0.5))
    assert report["failed"] == 0
    assert report["judged"] == 2
    assert report["not_judged"] == {"POST /v1/echo": "401"}
    assert report["by_kind"]["post"] == {"n": 3, "failed": 0, "excused": 3, "judged": False}
    assert report["by_kind"]["keepalive"]["judged"]
    assert sum(second["n"] for second in report["seconds"]) == 2


def test_other_fault_than_the_first_is_not_excused() -> None:
    report = report_of(answer(0, status=503), answer(0.1, status=503), answer(0.2, status=500))
    assert report["failed"] == 1
    assert report["failures"][0]["status"] == 500


def test_first_good_answer_ends_the_excuse_for_good() -> None:
    report = report_of(answer(0, status=503), answer(0.1), answer(0.2, status=503))
    assert report["failed"] == 1
    assert report["not_judged"] == {}
    assert report["by_kind"]["keepalive"] == {"n": 3, "failed": 1, "excused": 1, "judged": True}


def test_first_bad_answer_of_a_request_that_was_good_is_no_excuse() -> None:
    report = report_of(answer(0), answer(0.1, status=503), answer(0.2, status=503))
    assert report["failed"] == 2


def test_without_a_baseline_nothing_excuses_itself() -> None:
    assert report_of(answer(0, status=500), baseline=False)["failed"] == 1


def test_excuse_of_another_run_covers_its_fault_only() -> None:
    tally = Tally(10, baseline=False, excused={"POST /v1/echo": "401"})
    for status in (401, 500):
        tally.record(answer(0, status=status, kind="post", request="POST /v1/echo"))
    report = tally.report(running=True)
    assert report["failed"] == 1
    assert report["failures"][0]["status"] == 500


def test_gap_is_time_between_good_answers_beyond_the_interval() -> None:
    report = report_of(answer(5), answer(5.1), answer(5.3, status=500), answer(5.6), answer(5.7))
    assert report["worst_gap_ms"] == pytest.approx(400, abs=1)


def test_silence_at_the_end_of_sending_is_a_gap() -> None:
    report = report_of(answer(0), answer(1.1, status=0, error="timeout: x"))
    assert report["worst_gap_ms"] == pytest.approx(1000, abs=1)


def test_waiting_after_the_last_request_was_sent_is_no_gap() -> None:
    tally = tally_of(answer(0), answer(0.1))
    time.sleep(0.15)
    report = tally.report(running=False, sending_ended=START + 0.1)
    assert report["worst_gap_ms"] == 0


def test_switch_of_colour_is_noted_once_with_its_time() -> None:
    colors = {0: "blue", 5: "green", 5.1: "green", 5.2: ""}
    report = report_of(*(answer(at, color=color) for at, color in colors.items()))
    (switch,) = report["switches"]
    assert (switch["from"], switch["to"]) == ("blue", "green")
    assert int(switch["t"]) == report["seconds"][1]["t"]


def test_slow_answer_of_the_old_colour_is_no_switch_back() -> None:
    late = answer(1.5, color="blue", took=1)
    report = report_of(answer(0, color="blue"), answer(1, color="green"), late)
    assert len(report["switches"]) == 1
    assert report["by_color"]["blue"]["n"] == 2


def test_switch_back_is_noted() -> None:
    colors = ["blue", "green", "blue"]
    report = report_of(*(answer(t, color=color) for t, color in enumerate(colors)))
    assert [(s["from"], s["to"]) for s in report["switches"]] == [
        ("blue", "green"), ("green", "blue"),
    ]  # fmt: skip


def test_colours_and_versions_have_figures_of_their_own() -> None:
    report = report_of(
        *(answer(t / 10, took=t / 1000, color="blue", version="1") for t in range(1, 101)),
        answer(11, status=500, color="green", version="2"),
    )
    blue = report["by_color"]["blue"]
    assert (blue["n"], blue["failed"]) == (100, 0)
    assert [blue[p] for p in ("p50_ms", "p95_ms", "p99_ms")] == pytest.approx(
        [50, 95, 99], rel=0.02
    )
    assert report["by_version"] == {"1": {"n": 100, "failed": 0}, "2": {"n": 1, "failed": 1}}


def test_seconds_hold_what_ended_in_them() -> None:
    report = report_of(
        answer(0, color="blue"), answer(3, color="blue"), answer(3.0001, status=503),
        answer(7, color="green", took=0.1),
    )  # fmt: skip
    seconds = report["seconds"]
    assert [s["n"] for s in seconds] == [1, 2, 1]
    assert [s["failed"] for s in seconds] == [0, 1, 0]
    assert seconds[0]["t"] + 7 == seconds[2]["t"]
    assert seconds[1]["colors"] == {
        "blue": {"n": 1, "failed": 0, "p95_ms": pytest.approx(10, 0.02)}
    }
    assert seconds[2]["colors"]["green"]["p95_ms"] == pytest.approx(100, 0.02)


def test_report_stays_small_in_a_long_run() -> None:
    total = SECONDS_KEPT + 100
    report = report_of(*(answer(t, status=200 if t == 0 else 500) for t in range(total)))
    assert len(report["seconds"]) == SECONDS_KEPT + 1
    assert len(report["failures"]) == FAILURES_KEPT
    assert report["failed"] == total - 1


def test_reachable_means_an_answer_of_any_kind_lately() -> None:
    gone: dict[str, Any] = {"status": 0, "error": "ClientConnectorError: refused"}
    assert report_of(answer(0), answer(1, status=503))["reachable"]
    assert report_of(answer(0), answer(4.9, **gone))["reachable"]
    assert not report_of(answer(0), answer(5.1, **gone))["reachable"]
    assert not report_of(answer(0, **gone))["reachable"]
    assert not report_of()["reachable"]


def test_requests_under_way_are_unfinished() -> None:
    tally = tally_of(answer(0))
    tally.sent += 2
    assert tally.report(running=True)["unfinished"] == 2


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_within_one_percent(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 -- figures, not secrets
    values = [source.lognormvariate(3, 1.5) for _ in range(999)]
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    ranked = sorted(values)
    for percent, index in ((50, 499), (95, 949), (99, 989)):
        assert histogram.percentile(percent) == pytest.approx(ranked[index], rel=0.011)


def test_percentile_of_nothing_is_nothing() -> None:
    assert Histogram().percentile(99) == 0


def test_summary_is_one_line_for_a_person() -> None:
    report = report_of(answer(0), answer(0.138))
    report |= {"judged": 12403, "failed": 0}
    assert summary_line(report) == "0 failed of 12,403 requests, worst gap 38 ms"
    messages = {"messages": 8120, "lost_messages": 0, "doubled": 0, "out_of_order": 0}
    report["sockets"] = {"n": 40, "lost": 0, **messages}
    report["streams"] = {"n": 96, "broken": 0}
    assert summary_line(report) == (
        "0 failed of 12,403 requests, 0 of 40 sockets lost, 0 of 8,120 messages lost, "
        "0 of 96 streams broken, worst gap 38 ms"
    )
    report["sockets"] |= {"lost": 2, "lost_messages": 1, "doubled": 3, "out_of_order": 1}
    report["streams"]["broken"] = 4
    assert summary_line(report) == (
        "0 failed of 12,403 requests, 2 of 40 sockets lost, 1 of 8,120 messages lost, 3 doubled, "
        "1 out of order, 4 of 96 streams broken, worst gap 38 ms"
    )


def test_summary_names_what_was_left_out() -> None:
    refused = answer(0.1, status=401, kind="post", request="POST /v1/echo")
    tally = tally_of(answer(0), refused)
    tally.note = "no POST: no key in k"
    line = tally.report(running=False, sending_ended=START)["summary"]
    assert line.endswith(
        "; not judged, bad from the start: POST /v1/echo (401); no POST: no key in k"
    )


def test_seconds_tell_kinds_apart_and_the_last_failure_is_timed() -> None:
    """Two at the same moment are in the same second, wherever seconds begin."""
    report = report_of(
        answer(0), answer(0, kind="post", request="POST /v1/echo"),
        answer(3, status=503), answer(3, kind="post", request="POST /v1/echo", status=500),
        answer(5, status=503), answer(7),
    )  # fmt: skip
    kinds = [second["kinds"] for second in report["seconds"]]
    assert kinds == [
        {"keepalive": [1, 0], "post": [1, 0]},
        {"keepalive": [1, 1], "post": [1, 1]},
        {"keepalive": [1, 1]},
        {"keepalive": [1, 0]},
    ]
    first, _, last = report["failures"]
    assert report["last_failed"] == last["t"] == pytest.approx(first["t"] + 2, abs=0.002)


def test_nothing_failed_so_there_is_no_last_failure() -> None:
    assert report_of(answer(0))["last_failed"] is None


def test_losses_are_counted_by_the_second_beyond_those_that_are_kept() -> None:
    losses = Losses()
    for number in range(KEPT + 3):
        losses.add("socket", f"prober-{number}", "closed with 1006", "blue")
    losses.add("stream", "one", "ended early")

    assert len(losses.kept) == KEPT
    assert sum(row.get("socket", 0) for row in losses.seconds) == KEPT + 3
    assert sum(row.get("stream", 0) for row in losses.seconds) == 1
    assert losses.last == pytest.approx(time.time(), abs=5)
    assert losses.seconds[-1]["t"] == int(losses.last or 0)
