"""`python -m app session`: where people are signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app.access.accounts import Accounts
from app.console import DONE, add, out
from app.db import Direct

if TYPE_CHECKING:
    import argparse

    from app.access.sessions import Session
    from app.settings import Settings


async def _list(settings: Settings, args: argparse.Namespace) -> int:
    accounts = Accounts(Direct(settings))
    found = await accounts.list_sessions(args.user, settings.session_idle_seconds)
    rows = [_row(session) for session in found]
    text = "\n".join(
        f"{r['id']} from {r['address']}, last seen {r['last_seen_at']}, {r['agent']}" for r in rows
    )
    out({"sessions": rows}, text or f"{args.user} is signed in nowhere", as_json=args.json)
    return DONE


async def _revoke(settings: Settings, args: argparse.Namespace) -> int:
    ended = await Accounts(Direct(settings)).end_sessions(args.user, args.id)
    text = f"{ended} sessions of {args.user} ended"
    out({"user": args.user, "ended": ended}, text, as_json=args.json)
    return DONE


def _row(session: Session) -> dict[str, object]:
    return {
        "id": str(session.id),
        "created_at": session.created_at.isoformat(),
        "last_seen_at": session.last_seen_at.isoformat(),
        "expires_at": session.expires_at.isoformat(),
        "address": session.address,
        "agent": session.agent,
    }


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with sessions."""
    nouns = parser.add_subparsers(required=True, metavar="list|revoke")
    listing = add(nouns, "list", "show where a user is signed in", _list)
    listing.add_argument("--user", required=True, metavar="EMAIL")
    revoke = add(nouns, "revoke", "end a user's sessions at once, or one of them", _revoke)
    revoke.add_argument("--user", required=True, metavar="EMAIL")
    revoke.add_argument("--id", type=UUID, help="end this one alone")
