"""What a release operation will do, decided from facts alone: no host is touched here.

The controller gathers the facts of all hosts (`standing`), the ledger (`history`) and the
operator's request; `deploy`, `rollback`, `switch`, `promote` and `contract` answer with a plan or
a refusal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils import history, returning, standing
from ansible_collections.dash.platform.plugins.module_utils.standing import (
    COLORS,
    Entry,
    Facts,
    Refusal,
    Release,
    refuse,
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the operator asked for. Times in seconds since the epoch, windows in hours."""

    kind: str
    now: float
    version: str = ""
    digest: str = ""
    git_sha: str = ""
    config: str = ""
    config_hash: str = ""
    schema: dict[str, list[str]] = field(default_factory=dict)
    to_color: str = ""
    force: bool = False
    window_hours: float = 24.0


@dataclass(kw_only=True)
class Plan:
    """Which steps run, on which colour. Every flag stands for one step or a part of it.

    `runner` is the host that runs the target's own command line, `asker` one where a release runs
    already (to ask before anything is staged). The hosts `lacking` the target's artifact get that
    of the `bearer`. `down` are the schema steps to undo, down to and without `down_to`.
    """

    kind: str
    noop: str = ""
    from_color: str
    to_color: str
    version: str
    digest: str
    git_sha: str = ""
    config: str
    config_hash: str
    known: list[str] = field(default_factory=list)
    previous: dict[str, str] | None = None
    fence: int = 1
    warm: bool = False
    migrate: bool = False
    down: list[str] = field(default_factory=list)
    down_to: str = ""
    schema_left: str = ""
    quarantine: list[str] = field(default_factory=list)
    runner: str = ""
    asker: str = ""
    restore: dict[str, str] | None = None
    lacking: list[str] = field(default_factory=list)
    bearer: str = ""
    keep: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data for Ansible."""
        return asdict(self)


def _previous(release: Release | None, color: str) -> dict[str, str] | None:
    return release.on(color) if release else None


def _next(facts: Facts, ledger: list[Entry], request: Request) -> dict[str, Any]:
    """Return what every plan has: the next fencing number, the versions to keep."""
    return {
        "fence": standing.highest_fence(facts, ledger) + 1,
        "keep": history.keep(ledger, request.now, request.window_hours),
    }


def _check_identity(request: Request, facts: Facts, ledger: list[Entry]) -> None:
    """A version names one digest for ever; a quarantined digest needs force."""
    known = history.known_digests(ledger)
    for f in facts.values():
        known.update({r["version"]: r["digest"] for r in f.get("releases") or [] if r["digest"]})
    held = known.get(request.version)
    if held and held != request.digest:
        raise Refusal(
            f"version {request.version} is known with digest {held[:12]}, this artifact has "
            f"{request.digest[:12]}: a version names one digest for ever. Next: change "
            "__version__ in app/__init__.py, or commit"
        )
    if request.digest in history.quarantined(ledger) and not request.force:
        raise Refusal(
            f"version {request.version} was rolled back and is quarantined. "
            "Next: deploy another version, or ./dash deploy --force"
        )


def deploy(request: Request, facts: Facts, ledger: list[Entry]) -> Plan:
    """Plan a deploy.

    Args:
        request: kind "deploy" with version, digest, schema, config and config_hash.
        facts: by host name, as `release_facts` reports them plus `clock_skew` (seconds).
        ledger: entries of edges and database merged, oldest first.

    Raises:
        Refusal: with a reason for every no.
    """
    refuse(standing.missing_groups(facts), "deploy", "./dash up")
    refuse(standing.objections(facts, facts), "deploy")
    _check_identity(request, facts, ledger)
    from_color = standing.active_color(facts)
    active = standing.release_on(facts, from_color)
    to_color = standing.other(from_color)
    hosts = standing.colour_hosts(facts, to_color)
    refuse([] if hosts else [f"colour {to_color} has no host"], "deploy", "./dash provision")
    wanted = Release(
        version=request.version, digest=request.digest, config_hash=request.config_hash
    )
    noop = ""
    if wanted.same_as(active) and standing.is_serving(facts, from_color):
        noop = f"{request.version} ({request.digest[:12]}) is active already, nothing to do"
    return Plan(
        kind="deploy",
        noop=noop,
        from_color=from_color,
        to_color=to_color,
        version=request.version,
        digest=request.digest,
        git_sha=request.git_sha,
        config=request.config,
        config_hash=request.config_hash,
        known=sorted(i for ids in request.schema.values() for i in ids),
        previous=_previous(active, from_color),
        migrate=True,
        runner=hosts[0],
        restore=_previous(standing.release_on(facts, to_color), to_color),
        **_next(facts, ledger, request),
    )


def _asker(facts: Facts, *colors: str) -> str:
    """Return a host that answers and has a release, of the first colour that has one, or ""."""
    hosts = (h for color in colors for h in standing.colour_hosts(facts, color))
    return next((h for h in hosts if facts[h].get("current")), "")


def _sides(facts: Facts, what: str) -> tuple[str, str]:
    """Return the active and the other colour, when edges and the other colour's hosts are well.

    Nothing is asked of the colour that is left: its trouble may be why it is left.
    """
    refuse(standing.missing_groups(facts), what, "./dash up")
    refuse(standing.objections(facts, standing.of_role(facts, "edge")), what)
    from_color = standing.active_color(facts)
    to_color = standing.other(from_color)
    hosts = standing.colour_hosts(facts, to_color)
    refuse([] if hosts else [f"colour {to_color} has no host"], what, "./dash provision")
    refuse(standing.objections(facts, hosts), what)
    return from_color, to_color


def rollback(request: Request, facts: Facts, ledger: list[Entry]) -> Plan:
    """Plan a rollback to `request.version`, or to the newest release fit to return to.

    Takes the same as `deploy`. The target runs warm on the other colour → a switch; otherwise
    its kept artifact is staged with the configuration that it had. Raises Refusal.
    """
    from_color, to_color = _sides(facts, "rollback")
    active = standing.release_on(facts, from_color) or history.last_on(ledger, from_color)
    target = returning.target(request.version, active, ledger, force=request.force)
    wanted = Release.of(target)
    hosts = standing.colour_hosts(facts, to_color)
    if wanted.same_as(active):
        noop, work = f"{wanted.version} is active already, nothing to do", returning.SchemaWork()
    else:
        noop, work = "", returning.schema_work(facts, target, from_color)
    there = standing.release_on(facts, to_color)
    warm = wanted.same_as(there) and standing.is_serving(facts, to_color)
    cold = not warm and not noop
    without, bearer = returning.lacking(wanted, facts, hosts) if cold else ([], "")
    return Plan(
        kind="rollback",
        noop=noop,
        from_color=from_color,
        to_color=to_color,
        version=wanted.version,
        digest=wanted.digest,
        git_sha=target.get("git_sha", ""),
        config=target["config"],
        config_hash=wanted.config_hash,
        known=list(target.get("known") or []),
        previous=_previous(active, from_color),
        warm=warm,
        migrate=work.up and not warm,
        down=work.down,
        down_to=work.down_to,
        schema_left=work.left,
        quarantine=[active.digest] if active and active.digest != wanted.digest else [],
        runner=hosts[0],
        asker=_asker(facts, from_color, to_color),
        restore=None if warm else _previous(there, to_color),
        lacking=without,
        bearer=bearer,
        **_next(facts, ledger, request),
    )


def _wanted_colors(request: Request, facts: Facts) -> tuple[str, str]:
    """Return from where to where a switch goes; naming the colour settles edges that disagree."""
    if not request.to_color:
        from_color = standing.active_color(facts)
        return from_color, standing.other(from_color)
    if request.to_color not in COLORS:
        raise Refusal(
            f"there is no colour {request.to_color!r}. Next: ./dash switch blue or "
            "./dash switch green"
        )
    seen = set(standing.seen_active(facts).values())
    return (seen.pop() if len(seen) == 1 else standing.other(request.to_color)), request.to_color


def switch(request: Request, facts: Facts, ledger: list[Entry]) -> Plan:
    """Plan the traffic switch alone, to `request.to_color` or the other colour.

    Only to a colour whose release runs and is ready. Raises Refusal.
    """
    refuse(standing.missing_groups(facts), "switch", "./dash up")
    refuse(standing.objections(facts, standing.of_role(facts, "edge")), "switch")
    from_color, to_color = _wanted_colors(request, facts)
    hosts = standing.colour_hosts(facts, to_color)
    refuse(standing.objections(facts, hosts), "switch")
    release = standing.release_on(facts, to_color)
    if release is None or not standing.is_serving(facts, to_color):
        raise Refusal(
            f"colour {to_color} has no release that runs and is ready: nothing was changed. "
            "Next: ./dash status"
        )
    if release.digest in history.quarantined(ledger) and not request.force:
        raise Refusal(
            f"colour {to_color} runs {release.version}, which is quarantined. "
            "Next: ./dash deploy, or ./dash switch --force"
        )
    past = [e for e in history.served(ledger) if release.same_as(Release.of(e))]
    entry = past[-1] if past else {}
    here = set(standing.seen_active(facts).values()) == {to_color}
    left = standing.release_on(facts, from_color)
    return Plan(
        kind="switch",
        noop=f"{to_color} is active already, nothing to do" if here else "",
        from_color=from_color,
        to_color=to_color,
        version=release.version,
        digest=release.digest,
        git_sha=entry.get("git_sha", ""),
        config=entry.get("config", ""),
        config_hash=release.config_hash,
        known=list(entry.get("known") or []),
        previous=_previous(left, from_color),
        warm=True,
        runner=hosts[0],
        **_next(facts, ledger, request),
    )


def promote(request: Request, facts: Facts, ledger: list[Entry]) -> Plan:
    """Plan what is left of a paused deploy: the switch and what follows.

    Takes the same as `deploy`. Raises Refusal when no deploy waits, or its colour is not ready.
    """
    from_color, to_color = _sides(facts, "promote")
    waiting = [
        f["operation"]
        for f in facts.values()
        if (f.get("operation") or {}).get("state") == "paused"
    ]
    if not waiting:
        raise Refusal("no deploy waits for an answer: nothing was changed. Next: ./dash status")
    made = Plan(**waiting[0]["plan"])
    release = standing.release_on(facts, to_color)
    if (
        (from_color, to_color) != (made.from_color, made.to_color)
        or not standing.is_serving(facts, to_color)
        or release is None
        or release.digest != made.digest
    ):
        raise Refusal(
            f"the paused deploy of {made.version} no longer stands ready on {made.to_color}. "
            "Next: ./dash abort, then ./dash deploy"
        )
    made.warm, made.migrate = True, False
    made.fence = standing.highest_fence(facts, ledger) + 1
    made.keep = history.keep(ledger, request.now, request.window_hours)
    return made


def contract(request: Request, facts: Facts, ledger: list[Entry]) -> Plan:
    """Plan the held contract and irreversible steps of the active release.

    Raises Refusal while a release that does not know a held step is within its window, naming it
    and when the window ends.
    """
    refuse(standing.missing_groups(facts), "migrate", "./dash up")
    refuse(standing.objections(facts, facts), "migrate")
    color = standing.active_color(facts)
    active = standing.release_on(facts, color)
    past = [e for e in history.served(ledger) if active and e["digest"] == active.digest]
    if active is None or not past:
        raise Refusal("no release is active: there is nothing to migrate. Next: ./dash deploy")
    known = list(past[-1].get("known") or [])
    applied = {m["id"] for m in standing.migrations(facts) or []}
    held = [i for i in known if i not in applied]
    ends = history.ends_of_windows(ledger, set(held), request.now, request.window_hours)
    if held and ends:
        version, until = max(ends.items(), key=lambda x: x[1])
        hours = (until - request.now) / 3600
        raise Refusal(
            f"migration {held[0]} is held back: version {version} does not know it and is within "
            f"its rollback window for another {hours:.1f} h. Next: wait, or shorten the window "
            "with ./dash migrate --window HOURS and give up the rollback"
        )
    return Plan(
        kind="migrate",
        noop="" if held else "no step is held back, nothing to do",
        from_color=color,
        to_color=color,
        version=active.version,
        digest=active.digest,
        git_sha=past[-1].get("git_sha", ""),
        config=past[-1]["config"],
        config_hash=active.config_hash,
        known=known,
        previous=_previous(active, color),
        warm=True,
        migrate=True,
        runner=standing.colour_hosts(facts, color)[0],
        **_next(facts, ledger, request),
    )


def ask(request: Request, facts: Facts, ledger: list[Entry]) -> Plan:
    """Choose the host on which the service's own command line runs; nothing is released.

    Takes the same as `deploy`. Raises Refusal when no host that answers has a release.
    """
    edges = sorted(standing.seen_active(facts).values())
    color = edges[0] if edges else "none"
    runner = _asker(facts, color, *COLORS)
    if not runner:
        raise Refusal("no app host that answers has a release. Next: ./dash deploy")
    return Plan(
        kind=request.kind,
        from_color=color,
        to_color=color,
        version="",
        digest="",
        config="",
        config_hash="",
        runner=runner,
        **_next(facts, ledger, request),
    )
