"""The operator's command line: `python -m app serve|migrate|user|key`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import uvloop

from app import hashing, log, main, migrate, schema
from app.db import make_pool, transaction
from app.errors import ApiError
from app.keys import ApiKeyRepository
from app.settings import Settings, SettingsError, load
from app.users import ROLES, UserRepository

DONE, FAILED, USAGE, DECISION = 0, 1, 2, 4


class Failure(Exception):
    """A command that could not be done; `str()` is one line."""


def _out(document: dict[str, Any], *, as_json: bool, text: str) -> None:
    sys.stdout.write((json.dumps(document) if as_json else text) + "\n")


def _serve(settings: Settings, _args: argparse.Namespace) -> int:
    main.run(settings)
    return DONE


def _describe(report: migrate.Report, *, plan: bool) -> str:
    lines = [f"applied: {', '.join(report.applied) or 'nothing'}"]
    for title, steps in (("would apply" if plan else "applied now", report.up),
                         ("held back", report.held),
                         ("would undo" if plan else "undone", report.down)):
        for step in steps:
            lost = "; ".join(f"{r['what']}: {r['rows']} rows" for r in step.get("risk", []))
            left = " left in place" if step.get("left") else ""
            lines.append(f"{title}: {step['id']} ({step['class']}){left}"
                         + (f", would lose {lost}" if lost else ""))
    return "\n".join(lines)


def _migrate(settings: Settings, args: argparse.Namespace) -> int:
    try:
        with psycopg.connect(settings.conninfo(), autocommit=True) as connection:
            report = migrate.Migrator(connection, schema.load(), settings.version).run(
                plan=args.plan, to=args.to, contract=args.contract, accept_loss=args.accept_loss)
    except psycopg.OperationalError as error:
        raise Failure(f"the database does not answer: {str(error).splitlines()[0]}") from None
    document = {"applied": report.applied, "up": report.up, "held": report.held,
                "down": report.down, "compatible": report.compatible}
    _out(document, as_json=args.json, text=_describe(report, plan=args.plan))
    return DECISION if report.left and not args.plan else DONE


async def _create_user(settings: Settings, args: argparse.Namespace) -> int:
    pool = make_pool(settings)
    async with pool, transaction(pool) as connection:
        user = await UserRepository(connection).create(args.email, args.role)
    if user is None:
        raise Failure(f"there is a user {args.email} already")
    _out({"id": str(user.id), "email": user.email, "role": user.role}, as_json=args.json,
         text=f"user {user.email} ({user.role}) created")
    return DONE


async def _create_key(settings: Settings, args: argparse.Namespace) -> int:
    pepper = settings.key_pepper.get_secret_value()
    if not pepper:
        raise Failure("the credential key_pepper is missing: keys made without it are not checked")
    public_id, secret, key = hashing.new_key()
    ends = datetime.now(UTC) + timedelta(days=args.days) if args.days else None
    pool = make_pool(settings)
    async with pool, transaction(pool) as connection:
        users = UserRepository(connection)
        user = await users.find_by_email(args.user)
        if user is None and args.create_user:
            user = await users.create(args.user)
        if user is None:
            raise Failure(f"there is no user {args.user}: add --create-user")
        await ApiKeyRepository(connection).create(
            user.id, public_id=public_id, key_hash=hashing.at_rest(secret),
            verifier=hashing.verifier(secret, public_id, pepper), name=args.name,
            expires_at=ends)
    _out({"key": key, "id": public_id, "user": user.email}, as_json=args.json,
         text=f"{key}\nThis key is shown once; {user.email} owns it.")
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve", help="run the service").set_defaults(run=_serve)
    migrate_ = verbs.add_parser("migrate", help="bring the schema up, or down to a migration")
    migrate_.add_argument("--plan", action="store_true", help="change nothing")
    migrate_.add_argument("--to", metavar="ID", help="undo everything newer (0 undoes all)")
    migrate_.add_argument("--contract", action="store_true", help="run held steps too")
    migrate_.add_argument("--accept-loss", action="store_true", help="undo what loses rows too")
    migrate_.add_argument("--json", action="store_true")
    migrate_.set_defaults(run=_migrate)
    user = verbs.add_parser("user", help="users").add_subparsers(dest="what", required=True)
    create = user.add_parser("create", help="add a user")
    create.add_argument("--email", required=True)
    create.add_argument("--role", choices=ROLES, default="user")
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=_asynchronous(_create_user))
    key = verbs.add_parser("key", help="API keys").add_subparsers(dest="what", required=True)
    create = key.add_parser("create", help="make a key and print it once")
    create.add_argument("--user", required=True, metavar="EMAIL")
    create.add_argument("--create-user", action="store_true")
    create.add_argument("--name", default="default")
    create.add_argument("--days", type=int, help="until it expires")
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=_asynchronous(_create_key))
    return parser


def _asynchronous(command: Callable[..., Any]) -> Callable[[Settings, argparse.Namespace], int]:
    return lambda settings, args: int(uvloop.run(command(settings, args)))


def run(argv: list[str] | None = None) -> int:
    """Parse the command line, do it, and return the exit code."""
    args = _parser().parse_args(argv)
    try:
        settings = load()
        if args.verb != "serve":
            log.configure("error", settings.version, settings.color)
        code: int = args.run(settings, args)
    except SettingsError as error:
        return _fail(str(error), USAGE)
    except (Failure, main.CannotServe, migrate.MigrationError, schema.BadMigration) as error:
        return _fail(str(error), FAILED)
    except ApiError as error:
        return _fail(error.message, FAILED)
    except psycopg.Error as error:
        return _fail(str(error).splitlines()[0], FAILED)
    return code


def _fail(line: str, code: int) -> int:
    sys.stderr.write(f"{log.redact(line)}\n")
    return code
