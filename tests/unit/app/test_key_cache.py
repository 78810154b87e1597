"""What is in memory of keys: how long it is fresh, when it is doubted, how long it bridges."""

from __future__ import annotations

import pytest

from app.access import keycache
from app.access.keycache import KeyCache
from app.settings import Settings
from tests.unit.app.conftest import FakeDatabase


class Clock:
    """Seconds that pass when told."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="cache")
def _cache(clock: Clock) -> KeyCache:
    settings = Settings(
        key_cache_seconds=300, key_cache_alone_seconds=10, key_cache_outage_seconds=600
    )
    return KeyCache(settings, clock)


def put(cache: KeyCache, database: FakeDatabase) -> str:
    """Add a key and return its public id."""
    public_id = database.add().split("_")[1]
    cache.put(database.rows[public_id], cache.changes)
    return public_id


def is_fresh(cache: KeyCache, public_id: str) -> bool:
    """Tell whether a key is there and fresh."""
    entry = cache.get(public_id)
    return entry is not None and cache.fresh(entry)


@pytest.mark.parametrize(("listening", "seconds"), [(True, 300), (False, 10)])
def test_an_entry_is_fresh_for_a_time_that_is_short_without_the_listener(
    cache: KeyCache, clock: Clock, database: FakeDatabase, listening: bool, seconds: float
) -> None:
    cache.listening = listening
    public_id = put(cache, database)
    clock.now += seconds
    assert is_fresh(cache, public_id)
    clock.now += 0.1
    assert not is_fresh(cache, public_id)


def test_a_changed_key_is_gone(cache: KeyCache, database: FakeDatabase) -> None:
    first, second = put(cache, database), put(cache, database)
    cache.forget(first)
    assert cache.get(first) is None
    assert is_fresh(cache, second)


def test_what_was_read_before_a_doubt_is_not_fresh_but_still_bridges(
    cache: KeyCache, clock: Clock, database: FakeDatabase
) -> None:
    cache.listening = True
    public_id = put(cache, database)
    clock.now += 1
    cache.doubt()
    assert not is_fresh(cache, public_id)
    assert cache.bridges(cache.get(public_id))
    clock.now += 1
    cache.put(database.rows[public_id], cache.changes)
    assert is_fresh(cache, public_id)


def test_an_entry_bridges_an_outage_for_a_bounded_time(
    cache: KeyCache, clock: Clock, database: FakeDatabase
) -> None:
    public_id = put(cache, database)
    clock.now += 600
    assert cache.bridges(cache.get(public_id))
    clock.now += 0.1
    assert not cache.bridges(cache.get(public_id))
    assert not cache.bridges(None)


@pytest.mark.parametrize("event", ["forget", "doubt"])
def test_a_row_that_was_read_before_a_change_is_not_kept(
    cache: KeyCache, database: FakeDatabase, event: str
) -> None:
    public_id = database.add().split("_")[1]
    seen = cache.changes
    if event == "forget":
        cache.forget("another")
    else:
        cache.doubt()
    cache.put(database.rows[public_id], seen)
    assert cache.get(public_id) is None


def test_the_cache_does_not_grow_without_bound(
    cache: KeyCache, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keycache, "MOST", 3)
    ids = [put(cache, database) for _ in range(5)]
    assert [x for x in ids if cache.get(x)] == ids[2:]
    assert len(cache) == 3
