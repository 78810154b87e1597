"""Limits with several processes and one database: together they never serve more than allowed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from app.access.keys import Limits
from tests.integration.link import Link
from tests.integration.service import App, Serving, until

PROCESSES = 4


@pytest.fixture(name="four")
def _four(app: App) -> Iterator[list[Serving]]:
    """Return four processes on one database."""
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(app.serve(drain_seconds=1)) for _ in range(PROCESSES)]
        for serving in all_of_them:
            serving.ready()
        yield all_of_them


def hammer(key: str, serving: Serving, requests: int, seen: list[int]) -> None:
    """Send requests on one connection, as fast as they are answered."""
    connection = HTTPConnection("127.0.0.1", serving.port, timeout=20)
    for _ in range(requests):
        connection.request("GET", "/v1/me", headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        answer.read()
        seen.append(answer.status)
    connection.close()


def storm(key: str, processes: list[Serving], requests: int, clients: int = 2) -> Counter[int]:
    """Let several clients of each process send requests at once; return how many got what."""
    seen: list[int] = []
    threads = [
        threading.Thread(target=hammer, args=(key, serving, requests, seen))
        for serving in processes
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(seen)


def early_in_a_minute(app: App) -> None:
    """Wait until what is counted by the minute is not cut in two."""
    while True:
        ((second,),) = app.database.query("SELECT extract(second FROM now())::float8")
        if second < 30:
            return
        time.sleep(60.1 - second)


@pytest.mark.timeout(180)
def test_four_processes_together_serve_a_minutes_limit_and_no_more(
    app: App, four: list[Serving]
) -> None:
    key = app.key(limits=Limits(rate_limit=200))
    early_in_a_minute(app)
    seen = storm(key, four, 60)
    assert seen == {200: 200, 429: 280}
    answer = four[0].ask("/v1/me", key=key)
    assert (answer.status, answer.document["error"]["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit-Policy"] == '"minute";q=200;w=60'
    assert answer.headers["RateLimit"].startswith('"minute";r=0;t=')


@pytest.mark.timeout(180)
def test_a_budget_is_kept_over_crashes_and_restarts(app: App, four: list[Serving]) -> None:
    """A killed process may lose what it held; what it is stopped with, it gives back."""
    key = app.key(limits=Limits(rate_limit=1_000_000, request_budget=400))
    served = storm(key, four, 10)[200]
    assert served == 80
    four[0].process.kill()
    four[1].stop()
    assert four[1].ended() == 0
    with app.serve() as fresh:
        fresh.ready()
        seen = storm(key, [*four[2:], fresh], 80)
    assert 300 <= served + seen[200] <= 400
    assert set(seen) == {200, 429}
    assert app.database.query("SELECT taken FROM key_usage WHERE meter = 'requests'") == [(400,)]


def test_what_is_not_used_is_given_back_at_the_stop(app: App) -> None:
    key = app.key(limits=Limits(rate_limit=1_000_000, request_budget=400))
    with app.serve() as serving:
        serving.ready()
        assert [serving.ask("/v1/me", key=key).status for _ in range(3)] == [200] * 3
        ((taken,),) = app.database.query("SELECT taken FROM key_usage WHERE meter = 'requests'")
        assert taken == 50
    assert app.database.query("SELECT taken FROM key_usage WHERE meter = 'requests'") == [(3,)]


def test_a_limit_is_changed_at_once_in_every_process(app: App, four: list[Serving]) -> None:
    key = app.key(limits=Limits(rate_limit=1_000_000, request_budget=8))
    seen = storm(key, four, 5)
    assert seen == {200: 8, 429: 32}
    done = app.run("key", "limit", key.split("_")[1], "--requests", "12", "--json")
    assert (done.code, done.document["request_budget"]) == (0, 12)
    until(lambda: [x.ask("/v1/me", key=key).status for x in four].count(200), 5)
    app.run("key", "limit", key.split("_")[1], "--requests", "none")
    until(lambda: [x.ask("/v1/me", key=key).status for x in four] == [200] * PROCESSES, 5)


def test_without_the_database_a_part_of_the_rate_is_served_and_no_budget(
    app: App, link: Link
) -> None:
    free = app.key(limits=Limits(rate_limit=16))
    bound = app.key("bob@example.org", limits=Limits(rate_limit=1_000_000, request_budget=8))
    with app.serve(limit_share=4) as serving:
        serving.ready()
        assert [serving.ask("/v1/me", key=key).status for key in (free, bound)] == [200, 200]
        link.cut()
        until(lambda: serving.ask("/readyz").document["status"] == "degraded", 15)
        seen = Counter(serving.ask("/v1/me", key=free).status for _ in range(20))
        assert set(seen) == {200, 429}
        assert 4 <= seen[200] <= 16 / 4 + 4  # what was reserved ahead, and its part
        refused = [serving.ask("/v1/me", key=bound) for _ in range(9)][-1]
        assert (refused.status, refused.document["error"]["code"]) == (503, "unavailable")
        link.mend()
        until(lambda: serving.ask("/v1/me", key=bound).status == 200, 20)
