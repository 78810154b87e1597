"""The operator's command line: `python -m app serve|migrate|user|session|key|audit|llm|openapi`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import psycopg

from app import cliaudit, clikeys, clillm, clisessions, cliusers, log, migrate, schema
from app.access.accounts import AccountError
from app.console import DONE, out
from app.db import reason, unreachable
from app.errors import ApiError, CannotServe
from app.settings import Settings, SettingsError, load

FAILED, USAGE, DECISION, INTERRUPTED = 1, 2, 4, 130
REFUSALS = (
    AccountError,
    ApiError,
    CannotServe,
    migrate.MigrationError,
    schema.BadMigration,
)


def _serve(settings: Settings, _args: argparse.Namespace) -> int:
    from app import main  # noqa: PLC0415 -- the other commands start in half the time without it

    main.run(settings)
    return DONE


def _openapi(settings: Settings, _args: argparse.Namespace) -> int:
    from app import openapi, routes  # noqa: PLC0415 -- the other commands start faster without it

    out(openapi.document(routes.PUBLIC, settings.version), "", as_json=True)
    return DONE


def _migrate(settings: Settings, args: argparse.Namespace) -> int:
    known = schema.load()
    limits = migrate.Limits(
        lock=settings.migrate_lock_timeout, statement=settings.migrate_statement_timeout
    )
    try:
        connection = psycopg.connect(settings.conninfo(), autocommit=True)
    except psycopg.OperationalError as error:
        raise migrate.MigrationError(unreachable(settings, error)) from None
    with connection:
        report = migrate.Migrator(connection, known, settings.version, limits).run(
            plan=args.plan, to=args.to, contract=args.contract, accept_loss=args.accept_loss
        )
    out(vars(report), _describe(report, plan=args.plan), as_json=args.json)
    if not report.left or args.plan:
        return DONE
    if not args.json:
        sys.stderr.write("rows would be lost: --accept-loss undoes these steps with them\n")
    return DECISION


def _describe(report: migrate.Report, *, plan: bool) -> str:
    lines = [
        *(f"{'would apply' if plan else 'applied'} {_step(step)}" for step in report.up),
        *(f"held back {_step(step)}: --contract applies it" for step in report.held),
    ]
    for step in report.down:
        rows = ", ".join(
            r["what"] if r["rows"] is None else f"{r['what']}: {r['rows']} rows"
            for r in step["risk"]
        )
        done = "would undo" if plan else "undid"
        lines.append(
            f"{'left in place' if step['left'] else done} {_step(step)}"
            + (f", at risk {rows}" if rows else "")
        )
    lines.append(f"schema: {', '.join(report.applied) or 'no migration is applied'}")
    if report.reason:
        lines.append(f"this release does not work with it: {report.reason}")
    return "\n".join(lines)


def _step(step: dict[str, Any]) -> str:
    return f"{step['id']} ({step['class']})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app")
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="serve|migrate|user|session|key|audit|llm|openapi"
    )
    serve = verbs.add_parser("serve", help="run the service until SIGTERM")
    serve.set_defaults(run=_serve)
    _add_migrate(verbs.add_parser("migrate", help="bring the schema up, or back to a migration"))
    cliusers.add_verbs(verbs.add_parser("user", help="people and programs that have keys"))
    clisessions.add_verbs(verbs.add_parser("session", help="where people are signed in"))
    clikeys.add_verbs(verbs.add_parser("key", help="API keys"))
    cliaudit.add_verbs(verbs.add_parser("audit", help="who did what"))
    clillm.add_verbs(verbs.add_parser("llm", help="providers and their breakers"))
    describe = verbs.add_parser("openapi", help="print the description of the HTTP API")
    describe.set_defaults(run=_openapi)
    return parser


def _add_migrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", action="store_true", help="change nothing")
    parser.add_argument(
        "--to", metavar="ID", help="undo what is newer (0 undoes all), or apply up to it"
    )
    parser.add_argument(
        "--contract", action="store_true", help="apply contract and irreversible steps too"
    )
    parser.add_argument("--accept-loss", action="store_true", help="undo what loses rows, too")
    parser.add_argument("--json", action="store_true", help="print one document")
    parser.set_defaults(run=_migrate)


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
    except REFUSALS as error:
        return _fail(str(error), FAILED)
    except psycopg.Error as error:
        missing = isinstance(error, psycopg.errors.UndefinedTable)
        line = "the tables are not there yet: python -m app migrate" if missing else reason(error)
        return _fail(line, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _fail(line: str, code: int) -> int:
    """Say what is wrong, on one line and without a secret, and return the exit code."""
    sys.stderr.write(f"{log.redact(' '.join(line.split()))}\n")
    return code
