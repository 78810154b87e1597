"""What an edge sees of a new colour."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import haproxy, switch, watching
from tests.integration.platform.edges import ID, move, serves, state
from tests.integration.platform.fake_haproxy import Backend, FakeHaproxy


@pytest.fixture(name="watch")
def _watch(edge: switch.Edge, monkeypatch: pytest.MonkeyPatch) -> watching.Watch:
    """A watch over green, a moment after the switch from blue; seconds are short here."""
    monkeypatch.setattr(watching, "EVERY", 0.02)
    monkeypatch.setattr(watching, "DEAD", 0.2)
    move(edge)
    return watching.Watch(edge, ID, "green", "blue")


def count(proxy: FakeHaproxy, good: int = 0, bad: int = 0, color: str = "green") -> None:
    proxy.backends[f"app_{color}"].hrsp_2xx += good
    proxy.backends[f"app_{color}"].hrsp_5xx += bad


def during(watch: watching.Watch, seconds: float, *steps: Any) -> dict[str, Any]:
    """Watch, and do something a moment after the beginning."""
    timers = [threading.Timer(0.1, step) for step in steps]
    for timer in timers:
        timer.start()
    judged = watch.run(seconds)
    for timer in timers:
        timer.join()
    return judged


def test_good_answers_pass(watch: watching.Watch, proxy: FakeHaproxy) -> None:
    judged = during(watch, 0.4, lambda: count(proxy, good=400))

    assert (judged["verdict"], judged["n"], judged["failures"]) == ("pass", 400, 0)


def test_what_was_counted_before_the_watch_does_not_count(
    watch: watching.Watch, proxy: FakeHaproxy
) -> None:
    """The proof on the preview address went to the same backend."""
    count(proxy, good=10, bad=500)

    judged = during(watch, 0.4, lambda: count(proxy, good=400))

    assert (judged["verdict"], judged["n"], judged["failures"]) == ("pass", 400, 0)


def test_bad_answers_end_the_watch_at_once(watch: watching.Watch, proxy: FakeHaproxy) -> None:
    started = time.monotonic()

    judged = during(watch, 20, lambda: count(proxy, good=20, bad=20))

    assert judged["verdict"] == "fail"
    assert judged["why"] == "20 of 40 requests failed, 1.0% is allowed"
    assert time.monotonic() - started < 10


def test_a_few_failures_are_too_few_to_tell(watch: watching.Watch, proxy: FakeHaproxy) -> None:
    judged = during(watch, 0.4, lambda: count(proxy, good=9, bad=10))

    assert judged["verdict"] == "inconclusive"
    assert judged["why"] == "10 of 19 requests failed: too few to tell"


def test_no_traffic_is_inconclusive(watch: watching.Watch) -> None:
    judged = watch.run(0.1)

    assert (judged["verdict"], judged["n"]) == ("inconclusive", 0)


def test_what_the_old_colour_fails_as_well_is_no_news(
    watch: watching.Watch, proxy: FakeHaproxy
) -> None:
    count(proxy, good=900, bad=100, color="blue")

    judged = during(watch, 0.4, lambda: count(proxy, good=190, bad=20))

    assert judged["verdict"] != "fail"


@pytest.mark.parametrize("down", ["DOWN", "MAINT", "NOLB"])
def test_a_colour_without_a_server_fails(
    watch: watching.Watch, proxy: FakeHaproxy, down: str
) -> None:
    proxy.backends["app_green"].states["app-green-1"] = down

    judged = watch.run(20)

    assert judged["verdict"] == "fail"
    assert judged["why"].startswith("no server of green is up for ")


def test_a_server_that_comes_back_soon_is_forgiven(
    watch: watching.Watch, proxy: FakeHaproxy
) -> None:
    proxy.backends["app_green"].states["app-green-1"] = "DOWN"
    back = {"app-green-1": "UP"}

    judged = during(watch, 0.4, lambda: proxy.backends["app_green"].states.update(back))

    assert judged["verdict"] == "inconclusive"


def test_a_haproxy_that_died_fails(watch: watching.Watch, proxy: FakeHaproxy) -> None:
    judged = during(watch, 20, proxy.stop)

    assert judged["verdict"] == "fail"
    assert judged["why"].startswith("HAProxy does not answer for ")


def test_a_haproxy_that_was_restarted_counts_from_nought(
    watch: watching.Watch, proxy: FakeHaproxy
) -> None:
    count(proxy, good=1000)

    def restart() -> None:
        proxy.backends["app_green"] = Backend({"app-green-1": "UP"}, hrsp_2xx=350)

    judged = during(watch, 0.4, restart)

    assert (judged["verdict"], judged["n"]) == ("pass", 350)


def test_an_edge_that_went_back_by_itself_fails(watch: watching.Watch, edge: switch.Edge) -> None:
    judged = during(watch, 20, lambda: edge.revert(ID))

    assert judged["verdict"] == "fail"
    assert judged["why"] == "the edge no longer serves from green: it went back"


def test_draining_waits_for_the_last_session(proxy: FakeHaproxy) -> None:
    proxy.backends["app_blue"].scur = 2
    timer = threading.Timer(0.15, setattr, [proxy.backends["app_blue"], "scur", 0])
    timer.start()

    assert watching.drain(haproxy.Runtime(), "blue", 10) == 0
    timer.join()


def test_draining_is_bounded(proxy: FakeHaproxy) -> None:
    proxy.backends["app_blue"].scur = 2

    assert watching.drain(haproxy.Runtime(), "blue", 0.1) == 2


def test_the_module_takes_the_edge_back_at_once(
    watch: watching.Watch, edge: switch.Edge, proxy: FakeHaproxy, run_module: Any
) -> None:
    assert watch.color == "green"
    proxy.backends["app_green"].states["app-green-1"] = "DOWN"

    done = run_module("edge_watch", color="green", id=ID, fence=7, seconds=20)

    assert done["failed"]
    assert done["reverted"]
    assert done["judged"]["verdict"] == "fail"
    assert done["msg"].startswith("clients of this edge: no server of green is up")
    assert serves(edge, proxy, "blue")
    assert state(edge) == "reverted"


def test_the_module_leaves_a_good_colour_alone(
    watch: watching.Watch, edge: switch.Edge, proxy: FakeHaproxy, run_module: Any
) -> None:
    assert watch.previous == "blue"

    done = run_module("edge_watch", color="green", id=ID, fence=7, seconds=0.1)

    assert (done["changed"], done["judged"]["verdict"]) == (False, "inconclusive")
    assert serves(edge, proxy, "green")


def test_the_module_says_what_was_left(proxy: FakeHaproxy, run_module: Any) -> None:
    proxy.backends["app_blue"].scur = 1

    assert run_module("edge_drain", color="blue", seconds=0.1)["left"] == 1
    proxy.backends["app_blue"].scur = 0
    assert run_module("edge_drain", color="blue", seconds=5) == {
        "changed": False,
        "left": 0,
        "drained": True,
    }
