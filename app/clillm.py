"""`python -m app llm`: what an operator does with the breakers of all running processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.access import audit
from app.access.accounts import AccountError
from app.access.audit import AuditRepository
from app.console import DONE, add, out
from app.db import Direct
from app.llm.breaker import Snapshot, State
from app.llm.breakerstore import BreakerRepository

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection

    from app.settings import Settings

_WORDS = {
    State.CLOSED: "closed, calls go through",
    State.OPEN: "open, it is probed",
    State.FORCED: "open until: llm close",
}


async def _status(settings: Settings, args: argparse.Namespace) -> int:
    rows = await Direct(settings).run(lambda c: BreakerRepository(c).list())
    found = {str(row["deployment"]): row for row in rows}
    for name in _names(settings.llm_catalog):
        found.setdefault(name, {"deployment": name, "state": State.CLOSED.value})
    listed = [_row(found[name]) for name in sorted(found)]
    text = "\n".join(f"{row['deployment']}: {_WORDS[State(str(row['state']))]}" for row in listed)
    out({"breakers": listed}, text or "there are no models: see llm_catalog", as_json=args.json)
    return DONE


def _row(row: dict[str, object]) -> dict[str, object]:
    at = row.get("changed_at")
    return {
        "deployment": row["deployment"],
        "state": row["state"],
        "failed_probes": row.get("failed_probes", 0),
        "changed_at": at.isoformat() if hasattr(at, "isoformat") else None,
    }


def _turn(state: State) -> Callable[[Settings, argparse.Namespace], Awaitable[int]]:
    async def turn(settings: Settings, args: argparse.Namespace) -> int:
        names = args.deployment
        known = _names(settings.llm_catalog)

        async def work(connection: AsyncConnection) -> None:
            repository = BreakerRepository(connection)
            for name in names:
                if name not in known and name not in await repository.find([name]):
                    near = f", only {', '.join(known)}" if known else ""
                    raise AccountError(f"there is no deployment {name}{near}")
                await repository.save(name, Snapshot(state=state), operator=True)
                event = audit.Event(action=f"breaker_{state}", target=f"deployment:{name}")
                await AuditRepository(connection).add(event)

        await Direct(settings).run(work)
        rows = [{"deployment": name, "state": state.value} for name in names]
        text = "\n".join(f"{name}: {_WORDS[state]}" for name in names)
        out({"breakers": rows}, text, as_json=args.json)
        return DONE

    return turn


def _names(catalog: str) -> list[str]:
    """Return the catalog's deployments; the commands start faster without it."""
    if not catalog:
        return []
    from app.llm.catalog import read  # noqa: PLC0415 -- only when there is one

    return sorted(read(catalog).deployments())


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with breakers."""
    nouns = parser.add_subparsers(required=True, metavar="status|open|close")
    add(nouns, "status", "show the breaker of every deployment", _status)
    verbs = {
        "open": ("call a deployment no more, in every process, until it is closed", State.FORCED),
        "close": ("call it again, and forget that it failed", State.CLOSED),
    }
    for verb, (words, state) in verbs.items():
        parser = add(nouns, verb, words, _turn(state))
        parser.add_argument(
            "deployment", nargs="+", metavar="PROVIDER/MODEL", help="as status shows it"
        )
