"""To which release a rollback returns, and what that takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dash.platform.plugins.module_utils import history, standing
from ansible_collections.dash.platform.plugins.module_utils.standing import (
    Entry,
    Facts,
    Refusal,
    Release,
    refuse,
)


@dataclass(frozen=True, kw_only=True)
class SchemaWork:
    """What a rollback does to the schema: steps of the target to apply, later ones to undo."""

    up: bool = False
    down: list[str] = field(default_factory=list)
    down_to: str = ""
    left: str = ""


def target(version: str, active: Release | None, ledger: list[Entry], *, force: bool) -> Entry:
    """Choose the ledger entry that a rollback returns to; `version` "" means the newest fit one."""
    served, bad = history.served(ledger), history.quarantined(ledger)
    if version:
        found = [e for e in served if e["version"] == version]
        if not found:
            known = ", ".join(sorted({e["version"] for e in served})) or "none"
            raise Refusal(
                f"version {version} never served here (known: {known}). Next: ./dash history"
            )
        if found[-1]["digest"] in bad and not force:
            raise Refusal(
                f"version {version} was rolled back and is quarantined. "
                "Next: ./dash rollback --to-version ANOTHER, or --force"
            )
        return found[-1]
    others = [e for e in served if not Release.of(e).same_as(active)]
    left = history.left_behind(ledger)
    fit = [
        e for e in others if e["digest"] not in bad and (e["digest"], e["config_hash"]) not in left
    ]
    if not fit:
        why = "the others are quarantined" if others else "no other release has served here"
        raise Refusal(f"there is nothing to return to: {why}. Next: ./dash deploy")
    return fit[-1]


def schema_work(facts: Facts, chosen: Entry, from_color: str) -> SchemaWork:
    """Return what the target needs of the schema.

    Raises Refusal past an irreversible or contract step the target does not know.
    """
    applied = standing.migrations(facts)
    if applied is None:
        return SchemaWork(left="the database does not answer: the schema stays as it is")
    known = set(chosen.get("known") or [])
    ids = [m["id"] for m in applied]
    later = [m for m in applied if m["id"] not in known]
    wall = [m for m in later if m["class"] != "expand"]
    if wall:
        m = wall[-1]
        raise Refusal(
            f"migration {m['id']} is {m['class']} and was applied after version "
            f"{chosen['version']}: it cannot run on this schema. Ways forward: freeze (deploy "
            "nothing, keep serving), roll forward with a fix (./dash deploy), or restore a "
            "backup taken before it"
        )
    down_to = max(known & set(ids), default="")
    down = [m["id"] for m in later if down_to and m["id"] > down_to]
    up = not known <= set(ids)
    lost = [h for h in standing.colour_hosts(facts, from_color) if facts[h].get("unreachable")]
    if down and lost:
        why = f"{', '.join(lost)} may still run the newer release: the schema stays as it is"
        return SchemaWork(up=up, left=why)
    return SchemaWork(up=up, down=down, down_to=down_to if down else "")


def lacking(wanted: Release, facts: Facts, hosts: list[str]) -> tuple[list[str], str]:
    """Return which hosts of a cold target lack its artifact, and the app host that gives it.

    A host that was added or made anew since has none; any other that keeps it is a good source,
    since what is unpacked is held against the digest. Raises Refusal when no host keeps it.
    """
    kept = [
        h
        for h in standing.of_role(facts, "app")
        if any(wanted.digest[:12] in a for a in facts[h].get("artifacts") or [])
    ]
    without = [
        h
        for h in hosts
        if h not in kept
        and not any(wanted.digest == r["digest"] for r in facts[h].get("releases") or [])
    ]
    gone = [f"no application host keeps version {wanted.version} any more"] if not kept else []
    refuse(gone if without else [], "rollback", "./dash deploy of that commit")
    return without, kept[0] if without else ""
