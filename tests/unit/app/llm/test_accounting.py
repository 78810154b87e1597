"""Rows of calls: kept while the database is gone, bounded, and never written twice over."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from app.errors import Unavailable
from app.llm import accounting
from app.llm.accounting import Accounts
from app.llm.meters import Meters


class Table:
    """A database that may be gone, or go after it has committed."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.gone = self.lost_answer = False
        self.batches: list[int] = []

    async def run[T](self, work: Callable[[Any], Awaitable[T]], _seconds: Any = None) -> T:
        """Do what app.db.Transactions promises."""
        if self.gone:
            raise Unavailable
        done = await work(self)
        if self.lost_answer:
            raise Unavailable
        return done

    async def execute(self, _query: str, values: tuple[str]) -> None:
        """Add what is not there yet."""
        rows = json.loads(values[0])
        self.batches.append(len(rows))
        for row in rows:
            self.rows.setdefault(row["id"], row)


@pytest.fixture(name="table")
def _table() -> Table:
    return Table()


@pytest.fixture(name="meters")
def _meters() -> Meters:
    return Meters(CollectorRegistry())


async def test_rows_are_written_in_batches(table: Table, meters: Meters) -> None:
    accounts = Accounts(table, meters)
    for number in range(1200):
        accounts.add({"n": number})
    assert await accounts.flush()
    assert ([row["n"] for row in table.rows.values()], table.batches) == (
        list(range(1200)), [500, 500, 200],
    )  # fmt: skip


async def test_an_outage_loses_and_doubles_nothing(table: Table, meters: Meters) -> None:
    accounts = Accounts(table, meters)
    for number in range(700):
        accounts.add({"n": number})
    table.gone = True
    assert not await accounts.flush()
    table.gone, table.lost_answer = False, True
    assert not await accounts.flush()
    accounts.add({"n": 700})
    table.lost_answer = False
    assert await accounts.flush()
    assert sorted(row["n"] for row in table.rows.values()) == list(range(701))
    assert len(accounts) == 0


async def test_memory_is_bounded_and_what_is_lost_is_counted(table: Table, meters: Meters) -> None:
    accounts = Accounts(table, meters, most=10)
    for number in range(25):
        accounts.add({"n": number})
    assert (len(accounts), meters.lost._value.get()) == (10, 15)
    await accounts.flush()
    assert [row["n"] for row in table.rows.values()] == list(range(15, 25))


async def test_the_end_writes_what_is_left_and_does_not_wait_for_ever(
    table: Table, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounting, "LAST_SECONDS", 0.05)
    accounts = Accounts(table, meters)
    accounts.add({"n": 1})
    table.gone = True
    await accounts.close()
    table.gone = False
    await accounts.close()
    assert len(table.rows) == 1
