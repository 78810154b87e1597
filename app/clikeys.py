"""`python -m app key`: what an operator does with anybody's API keys."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.access import hashing
from app.access.accounts import AccountError, Accounts
from app.access.keys import LONGEST_DAYS, MOST_BUDGET, MOST_REQUESTS, Limits
from app.access.keyservice import KeyService
from app.access.permissions import PERMISSIONS, of_role
from app.access.principal import Principal
from app.console import DONE, add, number, out
from app.db import Direct

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from app.access.keys import ApiKey
    from app.access.usage import Meter
    from app.settings import Settings

LONGEST_HOURS = 720
NONE = "none"
USUAL = ("chat:write", "models:read")  # what keys are for
_COUNT = number(0, MOST_BUDGET, "a number")


async def _create(settings: Settings, args: argparse.Namespace) -> int:
    made = await Accounts(Direct(settings)).create_key(
        args.user,
        pepper=settings.pepper(),
        name=args.name,
        days=args.days,
        create_user=args.create_user,
        permissions=_permissions(args.permission),
        limits=_limits(args, Limits()),
    )
    expires = made.expires_at.isoformat() if made.expires_at else None
    document = {"key": made.key, "id": made.public_id, "user": made.email, "expires_at": expires}
    text = f"{made.key}\nIt is shown this once; {made.email} owns it, its id is {made.public_id}."
    out(document, text, as_json=args.json)
    return DONE


async def _list(settings: Settings, args: argparse.Namespace) -> int:
    rows = [_row(key) for key in await Accounts(Direct(settings)).list_keys(args.user)]
    text = "\n".join(_line(row) for row in rows)
    out({"keys": rows}, text or f"{args.user} has no keys", as_json=args.json)
    return DONE


async def _show(settings: Settings, args: argparse.Namespace) -> int:
    accounts = Accounts(Direct(settings))
    key = await accounts.find_key(args.id)
    used = await accounts.used(key)
    document = {**_row(key), "user": key.email, **_usage(key, used)}
    text = "\n".join(f"{name}: {_said(value)}" for name, value in document.items())
    out(document, text, as_json=args.json)
    return DONE


async def _rotate(settings: Settings, args: argparse.Namespace) -> int:
    database = Direct(settings)
    old = await Accounts(database).find_key(args.id)
    if not old.is_active:
        raise AccountError(f"the key {old.public_id} is revoked: make a new one")

    async def at_rest(secret: str) -> str:
        return hashing.at_rest(secret)

    by = Principal(user_id=old.user_id, role=old.role, permissions=of_role(old.role))
    until = datetime.now(UTC) + timedelta(hours=args.hours)
    made = await KeyService(database, settings.pepper(), at_rest).rotate(by, old.public_id, until)
    document = {"key": made.whole, **_row(made.key), "replaces": old.public_id}
    text = (
        f"{made.whole}\nIt is shown this once; its id is {made.key.public_id}. "
        f"{old.public_id} goes on until {until.isoformat(timespec='seconds')} at most."
    )
    out(document, text, as_json=args.json)
    return DONE


async def _revoke(settings: Settings, args: argparse.Namespace) -> int:
    key = await Accounts(Direct(settings)).revoke_key(args.id)
    document = {"id": key.public_id, "name": key.name, "user": key.email}
    out(document, f"key {key.public_id} of {key.email} opens nothing any more", as_json=args.json)
    return DONE


async def _limit(settings: Settings, args: argparse.Namespace) -> int:
    accounts = Accounts(Direct(settings))
    key = await accounts.find_key(args.id)
    limits = _limits(args, key.limits)
    if limits is None:
        raise AccountError("say --rate, --requests or --tokens")
    many = await accounts.limit_key(args.id, limits)
    changed = replace(key, **asdict(limits))
    shared = "" if many == 1 else f"; {many} keys share it"
    text = (
        f"key {key.public_id}: {limits.rate_limit} requests a minute, in a month "
        f"{_said(limits.request_budget)} requests and {_said(limits.token_budget)} tokens{shared}"
    )
    out({**_row(changed), "keys": many}, text, as_json=args.json)
    return DONE


def _limits(args: argparse.Namespace, base: Limits) -> Limits | None:
    if args.rate is args.requests is args.tokens is None:
        return None
    return Limits(
        rate_limit=args.rate or base.rate_limit,
        request_budget=_budget(args.requests, base.request_budget),
        token_budget=_budget(args.tokens, base.token_budget),
    )


def _budget(said: int | str | None, base: int | None) -> int | None:
    if said is None:
        return base
    return None if isinstance(said, str) else said


def _count(text: str) -> int | str:
    return NONE if text == NONE else _COUNT(text)


def _row(key: ApiKey) -> dict[str, object]:
    times = {"created_at": key.created_at, "expires_at": key.expires_at}
    times["last_used_at"] = key.last_used_at
    return {
        "id": key.public_id,
        "name": key.name,
        "active": key.is_active and key.user_is_active,
        "permissions": list(key.permissions),
        "rate_limit": key.rate_limit,
        "request_budget": key.request_budget,
        "token_budget": key.token_budget,
        "replaced_by": key.replaced_by,
        **{name: at.isoformat() if at else None for name, at in times.items()},
    }


def _usage(key: ApiKey, used: Mapping[Meter, int]) -> dict[str, object]:
    return {"group": str(key.group), "used": {str(meter): n for meter, n in used.items()}}


def _line(row: Mapping[str, object]) -> str:
    ended = "" if row["active"] else " (revoked)"
    return (
        f"{row['id']} {row['name']}{ended}, expires {row['expires_at'] or 'never'}, "
        f"last used {row['last_used_at'] or 'never'}"
    )


def _said(value: object) -> str:
    if value is None:
        return NONE
    if isinstance(value, dict):
        return ", ".join(f"{name} {n}" for name, n in value.items())
    return ", ".join(map(str, value)) or NONE if isinstance(value, list) else str(value)


def _permissions(wanted: list[str] | None) -> list[str]:
    return list(USUAL) if wanted is None else [name for name in wanted if name != NONE]


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with keys."""
    nouns = parser.add_subparsers(required=True, metavar="create|list|show|rotate|revoke|limit")
    create = add(nouns, "create", "make a key and print it this once", _create)
    create.add_argument("--user", required=True, metavar="EMAIL")
    create.add_argument("--create-user", action="store_true", help="make the owner if need be")
    create.add_argument("--name", default="default", help="to tell keys apart")
    create.add_argument(
        "--days", type=number(1, LONGEST_DAYS, "a number of days"), help="until it expires"
    )
    create.add_argument(
        "--permission", action="append", choices=[*sorted(PERMISSIONS), NONE], metavar="NAME",
        help=f"what it may, instead of {' and '.join(USUAL)}: {', '.join(sorted(PERMISSIONS))}, "
        f"or {NONE} of them",
    )  # fmt: skip
    _add_limits(create)
    listing = add(nouns, "list", "show a user's keys, without the secrets", _list)
    listing.add_argument("--user", required=True, metavar="EMAIL")
    _add_id(add(nouns, "show", "show a key and what it has used", _show))
    rotate = add(nouns, "rotate", "make a key that follows another", _rotate)
    _add_id(rotate)
    rotate.add_argument(
        "--hours", type=number(0, LONGEST_HOURS, "a number of hours"), default=24,
        help="that the old key goes on",
    )  # fmt: skip
    _add_id(add(nouns, "revoke", "make a key useless at once", _revoke))
    limit = add(nouns, "limit", "change what a key, and those that share with it, may use", _limit)
    _add_id(limit)
    _add_limits(limit)


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="the part between dash_ and the second _")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate", type=number(1, MOST_REQUESTS, "a number"), help="requests a minute"
    )
    parser.add_argument("--requests", type=_count, help="requests a month, or none for no budget")
    parser.add_argument("--tokens", type=_count, help="tokens a month, or none for no budget")
