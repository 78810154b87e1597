"""The ledger on an edge: append-only lines, one JSON document an operation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils import files, lease

Entry = dict[str, Any]
KINDS = ("deploy", "rollback", "switch", "migrate", "recover")
OUTCOMES = ("done", "reverted", "abandoned", "paused", "failed")
REQUIRED = ("id", "at", "kind", "outcome", "version", "digest", "config_hash", "config", "color",
            "who", "why", "fence", "quarantine")


class BadEntry(Exception):
    """An entry that may not stand in the ledger; `str()` is one line."""


def check(entry: Entry) -> None:
    """Refuse an entry that lacks something. Raises BadEntry."""
    lacking = [key for key in REQUIRED if key not in entry]
    if lacking:
        msg = f"a ledger entry lacks {', '.join(lacking)}"
        raise BadEntry(msg)
    if entry["kind"] not in KINDS or entry["outcome"] not in OUTCOMES:
        msg = f"a ledger entry cannot be {entry['kind']!r}, {entry['outcome']!r}"
        raise BadEntry(msg)


def path(directory: Path = lease.STATE_DIR) -> Path:
    """Return the ledger's file."""
    return directory / "ledger.jsonl"


def read(file: Path, last: int = 200) -> list[Entry]:
    """Return the newest entries, oldest first. A line cut off by a crash is left out."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()[-last:]
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def append(file: Path, entries: list[Entry]) -> int:
    """Add the entries that the file does not have; return how many. Raises BadEntry."""
    for entry in entries:
        check(entry)
    with files.locked(file.with_name(".ledger.lock")):
        known = {(e["id"], e["outcome"]) for e in read(file, 10_000)}
        fresh = [e for e in entries if (e["id"], e["outcome"]) not in known]
        for entry in fresh:
            files.append_line(file, json.dumps(entry, sort_keys=True))
    return len(fresh)
