"""`python -m app audit`: who did what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app.access.audit import AuditRepository
from app.console import DONE, add, number, out
from app.db import Direct

if TYPE_CHECKING:
    import argparse

    from app.access.audit import Entry
    from app.settings import Settings

MOST = 1000  # rows at once
HIGHEST = 2**63 - 1


async def _list(settings: Settings, args: argparse.Namespace) -> int:
    found = await Direct(settings).run(
        lambda c: AuditRepository(c).list(args.before, args.limit + 1)
    )
    shown = found[: args.limit]
    more = shown[-1].id if len(found) > args.limit else None
    lines = [_line(entry) for entry in shown] or ["nothing is noted"]
    if more is not None:
        lines.append(f"there is more: --before {more}")
    out({"entries": [_row(x) for x in shown], "next": more}, "\n".join(lines), as_json=args.json)
    return DONE


def _row(entry: Entry) -> dict[str, object]:
    return {**vars(entry), "at": entry.at.isoformat(), "detail": dict(entry.detail)}


def _line(entry: Entry) -> str:
    words = [entry.at.isoformat(timespec="seconds"), entry.actor, entry.action, entry.outcome]
    more = [entry.target, entry.address, json.dumps(entry.detail) if entry.detail else ""]
    return " ".join([str(entry.id), *words, *(word for word in more if word)])


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with the audit log."""
    nouns = parser.add_subparsers(required=True, metavar="list")
    listing = add(nouns, "list", "show what was done and refused, newest first", _list)
    listing.add_argument("--limit", type=number(1, MOST, "a number of rows"), default=50)
    listing.add_argument(
        "--before", type=number(1, HIGHEST, "the number of a row"), help="the next page"
    )
