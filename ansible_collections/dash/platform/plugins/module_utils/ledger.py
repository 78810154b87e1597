"""The ledger on an edge: append-only lines, one JSON document an operation."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import files, paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Entry = dict[str, Any]
KINDS = ("deploy", "rollback", "switch", "migrate", "recover")
OUTCOMES = ("done", "reverted", "abandoned", "paused", "failed")
LAST = 200  # entries that a look returns
KNOWN = 10_000  # entries that an append looks through for its own


class BadEntry(Fault):
    """An entry that may not stand in the ledger; `str()` is one line."""


def _uuid(value: str) -> bool:
    return str(uuid.UUID(value)) == value.lower()


def _moment(value: str) -> bool:
    return datetime.fromisoformat(value).tzinfo is not None


# What an entry must hold; each must be true of the value, and may raise when it is not.
FIELDS: dict[str, Callable[[Any], bool]] = {
    "id": _uuid,
    "at": _moment,
    "kind": KINDS.__contains__,
    "outcome": OUTCOMES.__contains__,
    "version": lambda v: isinstance(v, str),
    "digest": lambda v: isinstance(v, str),
    "config_hash": lambda v: isinstance(v, str),
    "config": lambda v: isinstance(v, str),
    "color": lambda v: isinstance(v, str),
    "who": lambda v: isinstance(v, str),
    "why": lambda v: isinstance(v, str),
    "fence": lambda v: isinstance(v, int) and v >= 0,
    "quarantine": lambda v: isinstance(v, list),
}


def check(entry: Entry) -> None:
    """Refuse an entry that lacks something or holds what it cannot. Raises BadEntry."""
    lacking = [key for key in FIELDS if key not in entry]
    if lacking:
        raise BadEntry(f"a ledger entry lacks {', '.join(lacking)}")
    for key, fits in FIELDS.items():
        try:
            good = fits(entry[key])
        except (TypeError, ValueError, AttributeError):
            good = False
        if not good:
            raise BadEntry(f"{entry[key]!r} cannot be the {key} of a ledger entry")


def path(directory: Path | None = None) -> Path:
    """Return the ledger's file."""
    return (directory or paths.EDGE_STATE) / "ledger.jsonl"


def _same(entry: Entry) -> tuple[Any, Any]:
    """Return what makes an entry the same as another: an operation may be paused, then done."""
    return entry.get("id"), entry.get("outcome")


def read(file: Path, last: int = LAST) -> list[Entry]:
    """Return the newest entries, oldest first. A line cut off by a crash is left out."""
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    entries = []
    for line in [x for x in lines if x][-last:]:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def append(file: Path, entries: list[Entry]) -> int:
    """Add the entries that the file does not have; return how many. Raises BadEntry."""
    for entry in entries:
        check(entry)
    with files.locked(file.with_name(".ledger.lock")):
        known = {_same(e) for e in read(file, KNOWN)}
        fresh = [e for e in merge(entries) if _same(e) not in known]
        for entry in fresh:
            files.append_line(file, json.dumps(entry, sort_keys=True))
    return len(fresh)


def merge(*ledgers: Iterable[Entry]) -> list[Entry]:
    """Return the entries of several ledgers, each once, in the order of their operations."""
    merged: dict[tuple[Any, Any], Entry] = {}
    for entries in ledgers:
        for entry in entries:
            merged.setdefault(_same(entry), entry)
    return sorted(merged.values(), key=lambda e: (e.get("fence", 0), e.get("at", "")))
