"""A psycopg without a database: what is asked is answered by the first words that match."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest


class Error(Exception):
    """psycopg.Error."""


@dataclass
class Cursor:
    """What a statement gave."""

    rows: list[Any]
    rowcount: int = -1

    def fetchone(self) -> Any:
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[Any]:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)


@dataclass
class FakeDatabase:
    """One database: its answers by a part of the statement, and the ledger's keys."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    rows: set[tuple[Any, Any]] = field(default_factory=set)
    down: str = ""
    connected: dict[str, Any] = field(default_factory=dict)
    committed: int = 0

    @contextmanager
    def connect(self, **parameters: Any) -> Iterator[FakeDatabase]:
        if self.down:
            raise Error(self.down)
        self.connected = parameters
        yield self
        self.committed += 1

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> Cursor:
        if statement.strip().startswith("INSERT INTO ops.ledger"):
            identity, _, outcome, _ = values
            fresh = (identity, outcome) not in self.rows
            self.rows.add((identity, outcome))
            return Cursor([], int(fresh))
        for words, rows in self.answers.items():
            if words in statement:
                return Cursor(rows)
        raise Error(f"nobody knows what to answer to {statement}")


def fake_psycopg(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDatabase]:
    """Put it where `import psycopg` finds it."""
    database, module = FakeDatabase(), ModuleType("psycopg")
    module.connect = database.connect  # type: ignore[attr-defined] # a module that is made here
    module.Error = Error  # type: ignore[attr-defined] # the same
    monkeypatch.setitem(sys.modules, "psycopg", module)
    yield database
