"""`python -m app session`, and what an operator does with roles and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.access import audit
from app.access.accounts import AccountError, Accounts, check_email
from app.access.audit import AuditRepository, Event
from app.access.passwords import Passwords
from app.access.resets import ResetService, link
from app.access.sessions import SessionRepository
from app.access.users import ROLES, UserRepository
from app.console import DONE, add, out
from app.db import Direct

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from psycopg import AsyncConnection

    from app.access.sessions import Session
    from app.settings import Settings


async def _link(settings: Settings, args: argparse.Namespace) -> int:
    email = check_email(args.email)
    resets = ResetService(Direct(settings), settings, Passwords(1))
    made = await resets.make(email, actor=audit.OPERATOR)
    if made is None:
        raise AccountError(f"there is no user {email} who may come in")
    user, token = made
    document = {"user": user.email, "token": token, "link": link(settings, token)}
    minutes = max(1, round(settings.reset_seconds / 60))
    out(
        document,
        f"{link(settings, token)}\nIt opens once, within {minutes} minutes.",
        as_json=args.json,
    )
    return DONE


async def _role(settings: Settings, args: argparse.Namespace) -> int:
    user = await Accounts(Direct(settings)).change_role(args.email, args.role)
    document = {"id": str(user.id), "email": user.email, "role": user.role}
    out(document, f"user {user.email} is {user.role} now", as_json=args.json)
    return DONE


async def _list(settings: Settings, args: argparse.Namespace) -> int:
    email = check_email(args.user)

    async def work(connection: AsyncConnection) -> list[Session]:
        user = await UserRepository(connection).find_by_email(email)
        if user is None:
            raise AccountError(f"there is no user {email}")
        return await SessionRepository(connection).list(user.id, settings.session_idle_seconds)

    rows = [_row(session) for session in await Direct(settings).run(work)]
    text = "\n".join(
        f"{r['id']} from {r['address']}, last seen {r['last_seen_at']}, {r['agent']}" for r in rows
    )
    out({"sessions": rows}, text or f"{email} is signed in nowhere", as_json=args.json)
    return DONE


async def _revoke(settings: Settings, args: argparse.Namespace) -> int:
    email = check_email(args.user)

    async def work(connection: AsyncConnection) -> int:
        user = await UserRepository(connection).find_by_email(email)
        if user is None:
            raise AccountError(f"there is no user {email}")
        ended = await SessionRepository(connection).end_all(user.id)
        event = Event(action="sign_out", target=f"user:{user.id}", detail={"sessions": ended})
        await AuditRepository(connection).add(event)
        return ended

    ended = await Direct(settings).run(work)
    out({"user": email, "ended": ended}, f"{ended} sessions of {email} ended", as_json=args.json)
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


def add_user_verbs(nouns: Any) -> None:  # noqa: ANN401 -- argparse's type of it is private
    """Add what can be done with users beyond making them."""
    password = add(nouns, "password-link", "print a link for a new password", _link)
    password.add_argument("--email", required=True)
    role = add(nouns, "role", "change what a user may, at once", _role)
    role.add_argument("--email", required=True)
    role.add_argument("--role", required=True, choices=ROLES)


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with sessions."""
    nouns = parser.add_subparsers(required=True, metavar="list|revoke")
    for name, words, command in (
        ("list", "show where a user is signed in", _list),
        ("revoke", "end all sessions of a user at once", _revoke),
    ):
        add(nouns, name, words, command).add_argument("--user", required=True, metavar="EMAIL")
