"""What runs where, as one document and as a table: pure functions of what the hosts said."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

Facts = dict[str, dict[str, Any]]
Entry = dict[str, Any]


def status(stack: str, facts: Facts) -> dict[str, Any]:
    """Return the document of `./dash status --json`.

    Args:
        stack: its name.
        facts: by host, as the play `status` writes them.
    """
    edges = [fact for fact in facts.values() if fact.get("role") == "edge"]
    colors = sorted({str(edge["active"]) for edge in edges if edge.get("active")})
    color = colors[0] if len(colors) == 1 else "disagree" if colors else "none"
    return {
        "stack": stack,
        "active": {"color": color, **_serving(facts, color)},
        "hosts": [_host(name, fact) for name, fact in sorted(facts.items())],
        "operation": _first(edges, "operation"),
        "lease": _first(edges, "lease"),
        "schema": _schema(facts),
    }


def _serving(facts: Facts, color: str) -> dict[str, Any]:
    """Return version and digest that the hosts of a colour run; None where they differ."""
    current = [
        fact.get("current") or {}
        for fact in facts.values()
        if fact.get("role") == "app" and fact.get("color") == color
    ]
    found: dict[str, Any] = {}
    for key in ("version", "digest"):
        values = {release.get(key) for release in current}
        found[key] = values.pop() if len(values) == 1 else None
    return found


def _host(name: str, fact: dict[str, Any]) -> dict[str, Any]:
    """Return a host as the document tells it; `ready` means that it does its work."""
    role = fact.get("role", "")
    reached = not fact.get("unreachable")
    unit, ready = fact.get("unit"), fact.get("ready")
    if role == "edge":
        ready = fact.get("haproxy_active")
        unit = "active" if ready else "inactive"
    elif role == "db":
        ready = fact.get("reachable")
        unit = "active" if ready else "inactive"
    return {
        "name": name,
        "role": role,
        "color": fact.get("color") or None,
        "address": fact.get("address") or None,
        "version": (fact.get("current") or {}).get("version"),
        "unit": unit if reached else "unreachable",
        "why": None if reached else _silence(fact),
        "ready": bool(ready) and reached,
    }


def _silence(fact: dict[str, Any]) -> str | None:
    """Return why a host does not answer and what to type, where somebody knows."""
    why, cure = fact.get("why"), fact.get("cure")
    return f"{why}. Next: {cure}" if why and cure else why or None


def _first(facts: Iterable[dict[str, Any]], key: str) -> dict[str, Any] | None:
    return next((fact[key] for fact in facts if fact.get(key)), None)


def _schema(facts: Facts) -> dict[str, Any] | None:
    """Return the applied migrations, or None while no database answers."""
    for fact in facts.values():
        if fact.get("role") == "db" and fact.get("reachable"):
            applied = fact.get("migrations") or []
            return {
                "head": applied[-1]["id"] if applied else None,
                "applied": [{"id": m["id"], "class": m["class"]} for m in applied],
            }
    return None


def status_table(document: dict[str, Any]) -> Group:
    """Return the document of `status` for people."""
    active = document["active"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("host", "address", "version", "unit", ""):
        table.add_column(column)
    for host in document["hosts"]:
        serves = host["role"] == "app" and host["color"] == active["color"]
        state = "ready" if host["ready"] else "not ready"
        table.add_row(
            host["name"],
            host["address"] or "",
            host["version"] or "",
            host["unit"] or "",
            Text(f"{state}, serves" if serves else state, "green" if host["ready"] else "yellow"),
        )
    head = Text(f"{document['stack']}: ", "bold")
    head.append(_active(active))
    if active["digest"]:
        head.append(f" ({active['digest'][:12]})", "dim")
    return Group(head, table, *(Text(line) for line in _notes(document)))


def _active(active: dict[str, Any]) -> str:
    if active["color"] == "none":
        return "nothing is active"
    if active["color"] == "disagree":
        return "the edges disagree about the active colour"
    return f"{active['version'] or 'no single version'} on {active['color']}"


def _notes(document: dict[str, Any]) -> list[str]:
    schema, lease, operation = document["schema"], document["lease"], document["operation"]
    notes = [f"schema: {schema['head'] or 'empty'}" if schema else "schema: no database answers"]
    if left := document.get("budget"):
        shares = ", ".join(f"{slo} {share:.1%}" for slo, share in sorted(left.items()))
        notes.append(f"error budget left: {shares}")
    notes += [f"{host['name']}: {host['why']}" for host in document["hosts"] if host["why"]]
    if operation:
        notes.append(
            f"operation: {operation['kind']} of {operation.get('version')} "
            f"is {operation['state']} since {operation['started_at']}"
        )
    if lease:
        who = lease["holder"]
        notes.append(
            f"lease: {lease['kind']} by {who['user']}@{who['host']}, until {lease['expires_at']}"
        )
    return notes


def history_table(entries: list[Entry]) -> Table:
    """Return ledger entries for people, in the order given."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("when", "what", "outcome", "version", "who", "why", "requests"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        outcome = str(entry.get("outcome", ""))
        table.add_row(
            _local(str(entry.get("at", ""))),
            str(entry.get("kind", "")),
            Text(outcome, "green" if outcome == "done" else "yellow"),
            str(entry.get("version") or ""),
            str(entry.get("who") or ""),
            _why(entry),
            _figures(entry.get("prober") or {}),
        )
    return table


def _local(at: str) -> str:
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return at


def _why(entry: Entry) -> str:
    reason = entry.get("reason") or ""
    return ": ".join(str(x) for x in (reason if reason != "other" else "", entry.get("why")) if x)


def _figures(prober: dict[str, Any]) -> str:
    if not prober.get("sent"):
        return ""
    sockets, streams = prober.get("sockets") or {}, prober.get("streams") or {}
    parts = [f"{prober['failed']:,} failed of {prober['sent']:,}"]
    if sockets.get("n"):
        parts.append(f"{sockets['lost']} of {sockets['n']} sockets lost")
    if streams.get("n"):
        parts.append(f"{streams['broken']} of {streams['n']} streams broken")
    return ", ".join([*parts, f"gap {prober.get('worst_gap_ms', 0):.0f} ms"])


def entry_of(ledger: list[Entry], version: str) -> Entry:
    """Return the newest ledger entry of a version, of one that went into service if there is any.

    Raises:
        UserError: the ledger does not know the version; it names those that it knows.
    """
    wanted = version.removeprefix("v")
    found = [entry for entry in ledger if entry.get("version") == wanted]
    if not found:
        known = ", ".join(sorted({str(e["version"]) for e in ledger if e.get("version")})) or "none"
        raise UserError(f"the ledger knows no version {wanted} (known: {known}): ./dash history")
    served = [entry for entry in found if entry.get("outcome") == "done"]
    return (served or found)[-1]


def difference(a: Entry, b: Entry) -> dict[str, Any]:
    """Return what differs between two releases: code, configuration, migrations."""
    before, after = (list(entry.get("known") or entry.get("schema") or []) for entry in (a, b))
    lines = difflib.unified_diff(
        str(a.get("config") or "").splitlines(),
        str(b.get("config") or "").splitlines(),
        str(a["version"]),
        str(b["version"]),
        lineterm="",
        n=0,
    )
    keys = ("version", "digest", "git_sha", "config_hash", "at")
    return {
        "a": {key: a.get(key) for key in keys},
        "b": {key: b.get(key) for key in keys},
        "same_code": a.get("digest") == b.get("digest"),
        "config": [line for line in lines if not line.startswith(("@@", "---", "+++"))],
        "migrations": {
            "added": [m for m in after if m not in before],
            "removed": [m for m in before if m not in after],
        },
    }


def difference_lines(document: dict[str, Any], commits: list[str]) -> list[str]:
    """Return the document of `difference` for people.

    Args:
        document: of `difference`.
        commits: subjects of the commits between the two, newest first; may be empty.
    """
    a, b = document["a"], document["b"]
    code = (
        "the same digest"
        if document["same_code"]
        else (
            f"{_short(a['digest'])} → {_short(b['digest'])}, "
            f"git {_short(a['git_sha'], 8)} → {_short(b['git_sha'], 8)}"
        )
    )
    added = [f"+{m}" for m in document["migrations"]["added"]]
    removed = [f"-{m}" for m in document["migrations"]["removed"]]
    config = document["config"]
    return [
        f"{a['version']} → {b['version']}",
        f"code: {code}",
        *(f"  {subject}" for subject in commits),
        f"migrations: {' '.join([*added, *removed]) or 'the same'}",
        "configuration:" if config else "configuration: the same",
        *(f"  {x}" for x in config),
    ]


def _short(value: str | None, length: int = 12) -> str:
    return (value or "unknown")[:length]
