"""Migrations as files, and whether a schema is one that this release can work with."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parent / "migrations"
CLASSES = ("expand", "contract", "irreversible")
TABLE = "schema_migrations"
_NAME = re.compile(r"\d{4}_[a-z0-9_]+")
_SECTION = re.compile(r"(?m)^-- migrate:(up|down|risk)\s*$")
_LOSES = re.compile(r"(?i)\bdrop\s+(table|column)\b")


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
        text = "\0".join((self.id, self.kind, self.up, self.down, self.risk))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One row of `schema_migrations`: enough to undo it without its file."""

    id: str
    kind: str
    checksum: str
    down: str
    risk: str


def parse(name: str, text: str) -> Migration:
    """Read one migration file. Raises BadMigration."""
    if not _NAME.fullmatch(name):
        msg = f"{name}.sql: name it NNNN_what_it_does.sql"
        raise BadMigration(msg)
    head, *rest = _SECTION.split(text)
    found = re.search(r"(?m)^-- class:\s*(\S+)\s*$", head)
    kind = found.group(1) if found else ""
    if kind not in CLASSES:
        msg = f"{name}.sql: its first line must be '-- class: {'|'.join(CLASSES)}', not {kind!r}"
        raise BadMigration(msg)
    parts = {key: body.strip() for key, body in zip(rest[::2], rest[1::2], strict=True)}
    if not parts.get("up"):
        msg = f"{name}.sql has no '-- migrate:up' section"
        raise BadMigration(msg)
    migration = Migration(id=name, kind=kind, up=parts["up"], down=parts.get("down", ""),
                          risk=parts.get("risk", ""))
    if kind != "irreversible" and not migration.down:
        msg = f"{name}.sql has no '-- migrate:down' section, and is not irreversible"
        raise BadMigration(msg)
    if _LOSES.search(migration.down) and not migration.risk:
        msg = f"{name}.sql drops in its down section: it needs a '-- migrate:risk' query"
        raise BadMigration(msg)
    return migration


def load(directory: Path = DIRECTORY) -> list[Migration]:
    """Return all migrations of this release, oldest first. Raises BadMigration."""
    return [parse(file.stem, file.read_text(encoding="utf-8"))
            for file in sorted(directory.glob("*.sql"))]


def incompatible(known: list[Migration], applied: list[tuple[str, str]]) -> str:
    """Return why a release cannot work with a schema, "" when it can.

    Args:
        known: this release's migrations.
        applied: (id, class) of what the database has.
    """
    have = {identity for identity, _ in applied}
    lacking = [m.id for m in known if m.kind == "expand" and m.id not in have]
    if lacking:
        return f"migration {lacking[0]} is not applied"
    ours = {m.id for m in known}
    walls = [(i, kind) for i, kind in applied if i not in ours and kind != "expand"]
    if walls:
        return f"migration {walls[0][0]} is {walls[0][1]} and newer than this release"
    return ""
