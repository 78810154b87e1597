"""The verdict on a new colour after the switch, from the prober's report."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.action import watch


def report(now: float, n: int = 400, failed: int = 0, **more: Any) -> dict[str, Any]:
    old = {"green": {"n": 400, "failed": 0, "p95_ms": 4.0}}
    new = {"blue": {"n": n, "failed": failed, "p95_ms": 4.0}}
    seconds = [
        {"t": int(now) - 30, "n": 400, "failed": 0, "colors": old},
        {"t": int(now) - 5, "n": n, "failed": failed, "colors": new},
    ]
    return {"updated": now, "reachable": True, "switches": [], "seconds": seconds, **more}


def judged(document: dict[str, Any], now: float = 1000.0) -> dict[str, Any]:
    return watch.judge(document, "blue", "green", now - 10, now)


def test_a_new_colour_without_failures_passes() -> None:
    verdict = judged(report(1000))
    assert (verdict["verdict"], verdict["n"]) == ("pass", 400)


def test_a_new_colour_with_failures_fails() -> None:
    assert judged(report(1000, failed=40))["verdict"] == "fail"


def test_refusals_of_the_edge_itself_fail_the_new_colour() -> None:
    bad = report(1000)
    bad["seconds"][1] |= {"n": 440, "failed": 40}
    assert judged(bad)["verdict"] == "fail"


def test_what_the_old_colour_failed_as_well_is_not_the_new_ones_fault() -> None:
    shared = report(1000, failed=20)
    shared["seconds"][0] = {
        "t": 970,
        "n": 400,
        "failed": 40,
        "colors": {"green": {"n": 400, "failed": 40, "p95_ms": 4.0}},
    }
    assert judged(shared)["verdict"] == "pass"


@pytest.mark.parametrize(("after", "verdict"), [(9, "pass"), (10, "fail")])
def test_slowness_counts_once_the_new_colour_had_time_to_settle(after: int, verdict: str) -> None:
    slow = report(1000)
    slow["seconds"][1]["colors"]["blue"]["p95_ms"] = 369.0
    assert watch.judge(slow, "blue", "green", 1000 - after, 1000)["verdict"] == verdict


def test_an_edge_that_went_back_fails_it() -> None:
    back = report(1000, switches=[{"t": 998.0, "from": "blue", "to": "green"}])
    assert "went back to green by itself" in judged(back)["why"]
    early = report(1000, switches=[{"t": 900.0, "from": "blue", "to": "green"}])
    assert judged(early)["verdict"] == "pass"


def lost(t: float, *colors: str, what: str = "socket") -> dict[str, Any]:
    return {"t": t, "what": what, "name": "prober-07", "why": "closed", "colors": list(colors)}


@pytest.mark.parametrize("what", ["socket", "message", "stream"])
@pytest.mark.parametrize("colors", [("blue",), ("blue", "green"), ()])
def test_one_loss_since_the_switch_fails_the_new_colour(what: str, colors: tuple[str, ...]) -> None:
    found = judged(report(1000, losses=[lost(995, *colors, what=what)]))
    assert (found["verdict"], found["n"]) == ("fail", 400)
    assert found["why"].startswith(what)
    assert found["why"].endswith("prober-07: closed")


def test_more_losses_than_one_are_counted() -> None:
    losses = [lost(995, "blue"), lost(996, "blue"), lost(997, "blue")]
    assert judged(report(1000, losses=losses))["why"] == "socket prober-07: closed (and 2 more)"


def test_losses_of_the_old_colour_or_before_the_switch_are_not_the_new_ones_fault() -> None:
    losses = [lost(995, "green"), lost(980, "blue")]
    assert judged(report(1000, losses=losses))["verdict"] == "pass"


@pytest.mark.parametrize("more", [{"updated": 990.0}, {"reachable": False}])
def test_a_silent_prober_says_nothing_about_the_release(more: dict[str, Any]) -> None:
    verdict = judged(report(1000, failed=400) | more)
    assert verdict["verdict"] == "inconclusive"


def test_no_report_at_all_says_nothing() -> None:
    assert judged({})["verdict"] == "inconclusive"
