"""The ledger of an edge."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import ledger


def entry(fence: int = 1, outcome: str = "done", **more: Any) -> ledger.Entry:
    return {
        "id": str(uuid.UUID(int=fence)),
        "at": f"2026-11-23T07:00:{fence:02d}+00:00",
        "kind": "deploy",
        "outcome": outcome,
        "version": "0.1.0",
        "digest": "d" * 64,
        "config_hash": "c" * 64,
        "config": "DASH_APP_LOG_LEVEL=info\n",
        "color": "blue",
        "who": "ann",
        "why": "",
        "fence": fence,
        "quarantine": [],
        **more,
    }


def test_what_was_appended_is_read_oldest_first() -> None:
    assert ledger.append(ledger.path(), [entry(1)]) == 1
    assert ledger.append(ledger.path(), [entry(2), entry(3)]) == 2

    assert ledger.read(ledger.path()) == [entry(1), entry(2), entry(3)]


def test_an_entry_stands_there_once() -> None:
    ledger.append(ledger.path(), [entry(1)])

    assert ledger.append(ledger.path(), [entry(1), entry(2), entry(2)]) == 1
    assert len(ledger.read(ledger.path())) == 2


def test_an_operation_may_be_paused_and_then_done() -> None:
    ledger.append(ledger.path(), [entry(1, "paused")])

    assert ledger.append(ledger.path(), [entry(1, "done")]) == 1


def test_the_newest_are_returned() -> None:
    ledger.append(ledger.path(), [entry(n) for n in range(1, 6)])

    assert [e["fence"] for e in ledger.read(ledger.path(), 2)] == [4, 5]


def test_a_line_that_a_crash_cut_off_costs_nothing_else() -> None:
    ledger.append(ledger.path(), [entry(1)])
    with ledger.path().open("a", encoding="utf-8") as file:
        file.write('{"id": "half')

    ledger.append(ledger.path(), [entry(2)])

    assert ledger.read(ledger.path()) == [entry(1), entry(2)]


def test_lines_that_are_no_entries_are_left_out() -> None:
    ledger.path().write_bytes(b'7\n\xff\n\n{"id": "x"}\n')

    assert ledger.read(ledger.path()) == [{"id": "x"}]


def test_an_edge_that_recorded_nothing_has_an_empty_ledger() -> None:
    assert ledger.read(ledger.path()) == []


@pytest.mark.parametrize("key", sorted(ledger.FIELDS))
def test_an_entry_that_lacks_something_is_refused_whole(key: str) -> None:
    lacking = entry(2)
    del lacking[key]

    with pytest.raises(ledger.BadEntry, match=f"lacks {key}$"):
        ledger.append(ledger.path(), [entry(1), lacking])

    assert ledger.read(ledger.path()) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "not-a-uuid"),
        ("id", 7),
        ("at", "yesterday"),
        ("at", "2026-11-23T07:00:00"),
        ("at", None),
        ("kind", "party"),
        ("kind", ["deploy"]),
        ("outcome", "fine"),
        ("fence", "7"),
        ("fence", -1),
        ("version", None),
        ("quarantine", "d"),
    ],
)
def test_an_entry_that_holds_what_it_cannot_is_refused(key: str, value: object) -> None:
    with pytest.raises(ledger.BadEntry, match=f"cannot be the {key} of a ledger entry"):
        ledger.check({**entry(1), key: value})


def test_every_kind_and_outcome_of_the_architecture_may_stand_there() -> None:
    for kind in ledger.KINDS:
        for outcome in ledger.OUTCOMES:
            ledger.check(entry(1, outcome, kind=kind))


def test_several_ledgers_are_merged_in_the_order_of_their_operations() -> None:
    first, second = [entry(3), entry(1)], [entry(2), entry(3)]

    assert ledger.merge(first, second) == [entry(1), entry(2), entry(3)]
    assert ledger.merge([entry(1, "paused")], [entry(1)]) == [entry(1, "paused"), entry(1)]


def test_appends_at_the_same_time_do_not_mix() -> None:
    threads = [
        threading.Thread(target=ledger.append, args=(ledger.path(), [entry(n, why="x" * 5000)]))
        for n in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(e["fence"] for e in ledger.read(ledger.path())) == list(range(1, 9))
