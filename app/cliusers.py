"""`python -m app user`: the people and programs that have keys and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.access import audit
from app.access.accounts import AccountError, Accounts, check_email
from app.access.passwords import Passwords
from app.access.resets import ResetService, link
from app.access.users import ROLES
from app.console import DONE, add, out
from app.db import Direct

if TYPE_CHECKING:
    import argparse

    from app.access.users import User
    from app.settings import Settings


async def _create(settings: Settings, args: argparse.Namespace) -> int:
    user = await Accounts(Direct(settings)).create_user(args.email, args.role)
    out(_row(user), f"user {user.email} ({user.role}) made", as_json=args.json)
    return DONE


async def _list(settings: Settings, args: argparse.Namespace) -> int:
    users = await Accounts(Direct(settings)).list_users()
    text = "\n".join(
        f"{user.email} ({user.role}){'' if user.is_active else ', deactivated'}" for user in users
    )
    document = {"users": [_row(user) for user in users]}
    out(document, text or "there are no users", as_json=args.json)
    return DONE


async def _role(settings: Settings, args: argparse.Namespace) -> int:
    user = await Accounts(Direct(settings)).change_role(args.email, args.role)
    out(_row(user), f"user {user.email} is {user.role} now", as_json=args.json)
    return DONE


async def _deactivate(settings: Settings, args: argparse.Namespace) -> int:
    user = await Accounts(Direct(settings)).set_active(args.email, active=False)
    text = f"user {user.email} cannot come in any more, nor can their keys"
    out(_row(user), text, as_json=args.json)
    return DONE


async def _activate(settings: Settings, args: argparse.Namespace) -> int:
    user = await Accounts(Direct(settings)).set_active(args.email, active=True)
    out(_row(user), f"user {user.email} may come in, with their keys", as_json=args.json)
    return DONE


async def _delete(settings: Settings, args: argparse.Namespace) -> int:
    user = await Accounts(Direct(settings)).delete_user(args.email)
    text = f"user {user.email} is removed, with all keys and sessions"
    out({"id": str(user.id), "email": user.email}, text, as_json=args.json)
    return DONE


async def _link(settings: Settings, args: argparse.Namespace) -> int:
    email = check_email(args.email)
    resets = ResetService(Direct(settings), settings, Passwords(1))
    made = await resets.make(email, actor=audit.OPERATOR)
    if made is None:
        raise AccountError(f"there is no user {email} who may come in")
    user, token = made
    document = {"user": user.email, "token": token, "link": link(settings, token)}
    minutes = max(1, round(settings.reset_seconds / 60))
    text = f"{link(settings, token)}\nIt opens once, within {minutes} minutes."
    out(document, text, as_json=args.json)
    return DONE


def _row(user: User) -> dict[str, object]:
    return {
        "id": str(user.id),
        "email": user.email,
        "role": user.role,
        "active": user.is_active,
        "created_at": user.created_at.isoformat(),
    }


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with users."""
    nouns = parser.add_subparsers(
        required=True, metavar="create|list|role|password-link|deactivate|activate|delete"
    )
    create = add(nouns, "create", "add a user", _create)
    create.add_argument("--email", required=True)
    create.add_argument("--role", choices=ROLES, default="user")
    add(nouns, "list", "show every user", _list)
    role = add(nouns, "role", "change what a user may, at once", _role)
    role.add_argument("--email", required=True)
    role.add_argument("--role", required=True, choices=ROLES)
    for name, words, command in (
        ("password-link", "print a link for a new password", _link),
        ("deactivate", "refuse a user and their keys at once, and end their sessions", _deactivate),
        ("activate", "let a deactivated user come in again", _activate),
        ("delete", "remove a user with all keys and sessions, for good", _delete),
    ):
        add(nouns, name, words, command).add_argument("--email", required=True)
