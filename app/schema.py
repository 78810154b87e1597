"""Migrations as files, and whether a schema is one that this release can work with."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIRECTORY = Path(__file__).parent / "migrations"
CLASSES = ("expand", "contract", "irreversible")
_NAME = re.compile(r"\d{4}_[a-z0-9_]+")
_CLASS = re.compile(r"(?m)^-- class:\s*(\S+)\s*$")
_SECTION = re.compile(r"(?m)^-- migrate:(\w+)\s*$")
_SECTIONS = ("up", "down", "risk")
_LOSES = re.compile(r"(?i)\b(drop\s+(table|column)|truncate|delete\s+from)\b")
# What ends or cannot run in the transaction that each migration gets.
_BREAKS = re.compile(r"(?im)^\s*(begin|commit|rollback)\s*;|\b(concurrently)\b")


class BadMigration(Exception):
    """A migration file that may not be; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One migration file. `down` and `risk` are empty when it has none."""

    id: str
    kind: str
    up: str
    down: str
    risk: str

    @property
    def checksum(self) -> str:
        """SHA-256 over everything that decides what it does."""
        text = f"{self.id}\0{self.kind}\0{self.up}\0{self.down}\0{self.risk}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One row of `schema_migrations`: enough to undo it without its file."""

    id: str
    kind: str
    checksum: str
    down: str
    risk: str


def name_of(identity: str) -> str:
    """Return the words of an id: initial for 0001_initial."""
    return identity.partition("_")[2]


def parse(identity: str, text: str) -> Migration:
    """Read one migration file.

    Args:
        identity: its name without .sql.
        text: what stands in it.

    Raises:
        BadMigration: a part is missing or may not be.
    """
    file = f"{identity}.sql"
    if not _NAME.fullmatch(identity):
        raise BadMigration(f"{file}: name it NNNN_what_it_does.sql")
    head, *rest = _SECTION.split(text)
    kinds = _CLASS.findall(head)
    if len(kinds) != 1 or kinds[0] not in CLASSES:
        said = ", ".join(kinds) or "nothing"
        raise BadMigration(f"{file}: begin with '-- class: {'|'.join(CLASSES)}'; it says {said}")
    names = rest[::2]
    for name in names:
        if name not in _SECTIONS or names.count(name) > 1:
            what = "stands twice" if name in _SECTIONS else "is no section: write up, down or risk"
            raise BadMigration(f"{file}: '-- migrate:{name}' {what}")
    parts = dict(zip(names, (body.strip() for body in rest[1::2]), strict=True))
    migration = Migration(
        id=identity,
        kind=kinds[0],
        up=parts.get("up", ""),
        down=parts.get("down", ""),
        risk=parts.get("risk", ""),
    )
    _check(migration)
    return migration


def _check(migration: Migration) -> None:
    file = f"{migration.id}.sql"
    if not migration.up:
        raise BadMigration(f"{file} has no '-- migrate:up' section")
    if migration.kind != "irreversible" and not migration.down:
        raise BadMigration(f"{file} has no '-- migrate:down' section, and is not irreversible")
    if _LOSES.search(migration.down) and not migration.risk:
        raise BadMigration(
            f"{file} removes data in its down section: it needs a '-- migrate:risk' query that "
            "returns (what, rows)"
        )
    for sql in (migration.up, migration.down):
        if found := _BREAKS.search(sql):
            word = (found[1] or found[2]).upper()
            raise BadMigration(
                f"{file} says {word}: each migration runs in a transaction of its own"
            )


def load(directory: Path = DIRECTORY) -> list[Migration]:
    """Return all migrations of this release, oldest first. Raises BadMigration."""
    found = [
        parse(file.stem, file.read_text(encoding="utf-8"))
        for file in sorted(directory.glob("*.sql"))
    ]
    numbers = [migration.id[:4] for migration in found]
    for migration in found:
        if numbers.count(migration.id[:4]) > 1:
            raise BadMigration(
                f"{migration.id}.sql: another migration has the number {migration.id[:4]}; "
                f"the next free one is {int(max(numbers)) + 1:04}"
            )
    return found


def incompatible(known: Sequence[Migration], applied: Iterable[tuple[str, str]]) -> str:
    """Return why a release cannot work with a schema, "" when it can.

    It can when every expand step it knows is applied, and everything applied that it does not know
    is an expand step. Its own contract and irreversible steps may be held back.

    Args:
        known: this release's migrations.
        applied: (id, class) of what the database has.
    """
    classes = dict(applied)
    lacking = [m.id for m in known if m.kind == "expand" and m.id not in classes]
    if lacking:
        return f"migration {lacking[0]} is not applied"
    ours = {m.id for m in known}
    walls = [i for i, kind in classes.items() if i not in ours and kind != "expand"]
    if walls:
        return f"migration {walls[0]} is {classes[walls[0]]} and not known to this release"
    return ""
