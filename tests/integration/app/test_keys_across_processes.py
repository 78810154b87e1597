"""Keys with two processes and one database: changes are heard, restarts and outages survived."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPException

import pytest

from tests.integration.link import Link
from tests.integration.service import App, Serving, until


@pytest.fixture(name="two")
def _two(app: App) -> Iterator[tuple[Serving, Serving]]:
    """Return a blue and a green process; their keys stay in memory unless a change is heard."""
    with ExitStack() as stack:
        both = [stack.enter_context(app.serve(color=color)) for color in ("blue", "green")]
        for serving in both:
            serving.ready()
        yield both[0], both[1]


def statuses(key: str, *serving: Serving) -> list[int]:
    """Return what each process answers to a key."""
    return [each.ask("/v1/me", key=key).status for each in serving]


def test_a_revoked_key_opens_nothing_in_any_process_at_once(
    app: App, two: tuple[Serving, Serving]
) -> None:
    key, other = app.key(), app.key("bob@example.org")
    assert statuses(key, *two) == statuses(other, *two) == [200, 200]
    started = time.monotonic()
    assert app.run("key", "revoke", key.split("_")[1]).code == 0
    until(lambda: statuses(key, *two) == [401, 401], 10)
    assert time.monotonic() - started < 10  # its time in memory is 300 s
    assert statuses(other, *two) == [200, 200]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET is_active = false",
        "UPDATE api_keys SET expires_at = now() - interval '1 s'",
        "DELETE FROM users",
    ],
)
def test_without_a_word_a_change_is_not_seen_and_with_it_at_once(
    app: App, two: tuple[Serving, Serving], change: str
) -> None:
    """Proof that the listener does it: the same change, first unsaid, then said."""
    key = app.key()
    assert statuses(key, *two) == [200, 200]
    app.database.query(change)
    time.sleep(0.5)
    assert statuses(key, *two) == [200, 200]
    app.database.query("SELECT pg_notify('api_keys', %s)", key.split("_")[1])
    until(lambda: statuses(key, *two) == [401, 401], 10)


def test_keys_are_there_after_a_restart_and_cost_no_bcrypt(app: App) -> None:
    keys = [app.key(f"user{n}@example.org") for n in range(3)]
    for _ in range(2):
        with app.serve() as serving:
            serving.ready()
            assert [serving.ask("/v1/me", key=key).status for key in keys] == [200] * 3
            assert serving.metric("dash_key_hash_checks_total") == 0


def test_keys_are_there_after_a_new_pepper_for_one_bcrypt_each(app: App) -> None:
    key = app.key()
    app.pepper = "another pepper for tests"
    with app.serve() as serving:
        serving.ready()
        assert statuses(key, serving, serving) == [200, 200]
        assert statuses(key[:-2] + "zz", serving) == [401]
        assert serving.metric("dash_key_hash_checks_total") == 1
    with app.serve() as serving:
        serving.ready()
        assert statuses(key, serving) == [200]
        assert serving.metric("dash_key_hash_checks_total") == 0


def test_an_imported_key_without_a_verifier_works(app: App) -> None:
    key = app.key()
    app.database.query("UPDATE api_keys SET verifier = NULL")
    with app.serve() as serving:
        serving.ready()
        assert statuses(key, serving, serving) == [200, 200]
        assert serving.metric("dash_key_hash_checks_total") == 1
    assert app.database.query("SELECT count(verifier) FROM api_keys") == [(1,)]


def test_when_a_key_was_used_is_written_down(app: App) -> None:
    key = app.key()
    with app.serve() as serving:
        serving.ready()
        assert statuses(key, serving) == [200]
        until(lambda: app.database.query("SELECT count(last_used_at) FROM api_keys") == [(1,)])


def test_a_lost_listener_makes_keys_end_soon_and_comes_back(app: App) -> None:
    key = app.key()
    with app.serve(key_cache_alone_seconds=0.5) as serving:
        serving.ready()
        assert statuses(key, serving) == [200]
        app.database.query("UPDATE api_keys SET is_active = false")  # unsaid
        assert app.database.end_connections() >= 2
        until(lambda: statuses(key, serving) == [401], 15)
        until(lambda: len(serving.events("auth.listening")) == 2, 15)
        assert serving.events("auth.listener_lost")


def test_the_database_gone_and_back_without_a_restart(app: App, link: Link) -> None:
    known, unknown = app.key(), app.key("bob@example.org")
    with app.serve() as serving:
        serving.ready()
        assert statuses(known, serving) == [200]
        link.cut()
        until(lambda: serving.ask("/readyz").document["status"] == "degraded", 15)
        answer = serving.ask("/readyz")
        assert (answer.status, answer.document["checks"]["database"]) == (200, "no answer")
        assert [statuses(known, serving) for _ in range(5)] == [[200]] * 5
        refused = serving.ask("/v1/me", key=unknown)
        assert (refused.status, refused.document["error"]["code"]) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        assert serving.metric("dash_database_up") == 0
        link.mend()
        until(lambda: serving.ask("/readyz").document["status"] == "ready", 30)
        until(lambda: statuses(known, serving) + statuses(unknown, serving) == [200, 200], 15)
        until(lambda: serving.metric("dash_key_listener_up") == 1, 15)
        assert serving.process.poll() is None


def test_an_outage_is_bridged_for_a_bounded_time(app: App, link: Link) -> None:
    key = app.key()
    with app.serve(key_cache_outage_seconds=4, key_cache_alone_seconds=0.1) as serving:
        serving.ready()
        assert statuses(key, serving) == [200]
        link.cut()
        until(lambda: serving.ask("/readyz").document["status"] == "degraded", 15)
        assert statuses(key, serving) == [200]
        until(lambda: statuses(key, serving) == [503], 15)


def test_a_database_that_hangs_holds_up_neither_readyz_nor_known_keys(app: App, link: Link) -> None:
    known, unknown = app.key(), app.key("bob@example.org")
    with app.serve(key_cache_alone_seconds=0, key_cache_seconds=0.1) as serving:
        serving.ready()
        assert statuses(known, serving) == [200]
        link.freeze()
        until(lambda: serving.ask("/readyz").document["status"] == "degraded", 20)
        started = time.monotonic()
        assert serving.ask("/readyz").status == 200
        assert [statuses(known, serving) for _ in range(5)] == [[200]] * 5
        assert time.monotonic() - started < 5
        started = time.monotonic()
        assert statuses(unknown, serving) == [503]
        assert time.monotonic() - started < 6
        link.thaw()
        until(lambda: serving.ask("/readyz").document["status"] == "ready", 30)
        until(lambda: statuses(unknown, serving) == [200], 15)


def test_it_ends_in_time_while_the_database_hangs(app: App, link: Link) -> None:
    key = app.key()
    with app.serve(drain_seconds=1) as serving:
        serving.ready()
        assert statuses(key, serving) == [200]
        link.freeze()
        until(lambda: serving.ask("/readyz").document["status"] == "degraded", 20)
        serving.stop()
        assert serving.ended(25) == 0


def test_many_requests_during_a_restart_of_the_database_see_no_5xx(app: App) -> None:
    """Every connection is ended again and again; a known key never notices."""
    key = app.key()
    with app.serve() as serving:
        serving.ready()
        seen = set(statuses(key, serving))
        for _ in range(5):
            app.database.end_connections()
            for _ in range(10):
                try:
                    seen |= set(statuses(key, serving))
                except (OSError, HTTPException) as error:
                    seen.add(type(error).__name__)  # type: ignore[arg-type]  # shown when it fails
        assert seen == {200}
