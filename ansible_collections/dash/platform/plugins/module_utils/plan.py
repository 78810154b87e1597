"""What a release operation will do, decided from facts alone: no host is touched here.

The controller gathers the facts of all hosts (`dash.platform.release_facts`), the ledger and
the operator's request; `deploy`, `rollback` and `switch` answer with a plan or a refusal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

Facts = dict[str, dict[str, Any]]
Entry = dict[str, Any]

COLORS = ("blue", "green")
MIN_DISK_MIB = 512  # an unpacked release takes about 150 MiB; three of them and room for logs
MAX_CLOCK_SKEW = 5.0  # seconds; leases count in tens of seconds
MIN_CERT_DAYS = 1


class Refusal(Exception):
    """The operation may not start. `str()` is one line that says why and what to type next."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release as it stands on a colour or in the ledger."""

    version: str
    digest: str
    config_hash: str

    def same_as(self, other: Release | None) -> bool:
        """Tell whether code and configuration are those of `other`."""
        return other is not None and (self.digest, self.config_hash) == (
            other.digest,
            other.config_hash,
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
    """Which steps run, on which colour. Every flag stands for one step or a part of it."""

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
    schema_left: str = ""
    quarantine: list[str] = field(default_factory=list)
    runner: str = ""
    restore: dict[str, str] | None = None
    keep: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data for Ansible."""
        return asdict(self)


def _by_role(facts: Facts, role: str) -> Facts:
    return {host: f for host, f in sorted(facts.items()) if f.get("role") == role}


def colour_hosts(facts: Facts, color: str) -> list[str]:
    """Return the names of the app hosts of a colour, sorted."""
    return [h for h, f in _by_role(facts, "app").items() if f.get("color") == color]


def other(color: str) -> str:
    """Return the colour that is not `color`; nothing is active yet → blue comes first."""
    return "green" if color == "blue" else "blue"


def active_color(facts: Facts) -> str:
    """Return the colour that serves, or "none". Raises Refusal when the edges disagree."""
    seen = {h: f.get("active", "none") for h, f in _by_role(facts, "edge").items()}
    if len(set(seen.values())) > 1:
        said = ", ".join(f"{h} says {c}" for h, c in seen.items())
        msg = f"the edges disagree about the active colour ({said}): ./dash switch COLOUR settles it"
        raise Refusal(msg)
    return next(iter(seen.values()), "none")


def release_on(facts: Facts, color: str) -> Release | None:
    """Return the release that all hosts of a colour have as current, or None."""
    current = [facts[h].get("current") for h in colour_hosts(facts, color)]
    found = {
        Release(version=c["version"], digest=c["digest"], config_hash=c["config_hash"])
        for c in current
        if c
    }
    return found.pop() if len(found) == 1 and all(current) else None


def is_serving(facts: Facts, color: str) -> bool:
    """Tell whether every host of a colour runs its release and is ready."""
    hosts = colour_hosts(facts, color)
    return bool(hosts) and all(
        facts[h].get("unit") == "active" and facts[h].get("ready") for h in hosts
    )


def highest_fence(facts: Facts, ledger: list[Entry]) -> int:
    """Return the highest fencing number seen by any host or ledger entry (0 when none)."""
    return max([0, *(int(f.get("fence") or 0) for f in facts.values())]
               + [int(e.get("fence") or 0) for e in ledger])


def quarantined(ledger: list[Entry]) -> set[str]:
    """Return the digests under quarantine: rolled back, and not forced back since."""
    out: set[str] = set()
    for entry in ledger:
        if entry["kind"] == "deploy" and entry["outcome"] == "done":
            out.discard(entry["digest"])
        out.update(entry.get("quarantine") or [])
    return out


def _served(ledger: list[Entry]) -> list[Entry]:
    """Entries whose release went into service and stayed, oldest first."""
    return [e for e in ledger if e["outcome"] == "done" and e["kind"] in
            ("deploy", "rollback", "switch")]


def _preflight(facts: Facts, now: float, *, needs_database: bool) -> list[str]:
    """Return a reason for every no."""
    why = []
    for host, f in sorted(facts.items()):
        if f.get("unreachable"):
            if f.get("role") != "db" or needs_database:
                why.append(f"{host} does not answer over ssh")
            continue
        if f.get("disk_free_mib", MIN_DISK_MIB) < MIN_DISK_MIB:
            why.append(f"{host} has {f['disk_free_mib']} MiB of disk left, {MIN_DISK_MIB} are needed")
        if abs(f.get("clock_skew", 0.0)) > MAX_CLOCK_SKEW:
            why.append(f"the clock of {host} is {f['clock_skew']:+.0f} s off")
        if f.get("role") == "edge":
            if not f.get("haproxy_active"):
                why.append(f"haproxy does not run on {host}")
            if f.get("certificate_days", MIN_CERT_DAYS) < MIN_CERT_DAYS:
                why.append(f"the certificate of {host} has expired or ends today: ./dash configure")
        if f.get("role") == "db" and needs_database and not f.get("reachable"):
            why.append(f"the database on {host} does not answer ({f.get('why', 'no reason given')})")
    return why


def _no_edges(facts: Facts) -> list[str]:
    roles = {f.get("role") for f in facts.values()}
    return [f"the inventory has no host of group {r}" for r in ("edge", "app", "db")
            if r not in roles]


def _refuse(reasons: list[str], what: str, cure: str = "./dash doctor") -> None:
    if reasons:
        msg = f"{what} is refused, nothing was changed: {'; '.join(reasons)}. Next: {cure}"
        raise Refusal(msg)


def _known_ids(schema: dict[str, list[str]]) -> list[str]:
    return sorted(i for ids in schema.values() for i in ids)


def _previous(release: Release | None, color: str) -> dict[str, str] | None:
    return {**asdict(release), "color": color} if release else None


def _check_identity(request: Request, facts: Facts, ledger: list[Entry]) -> None:
    """A version names one digest for ever; a quarantined digest needs force."""
    known = {e["version"]: e["digest"] for e in ledger if e.get("version")}
    for f in facts.values():
        known.update({r["version"]: r["digest"] for r in f.get("releases") or [] if r["digest"]})
    held = known.get(request.version)
    if held and held != request.digest:
        msg = (f"version {request.version} is known with digest {held[:12]}, this artifact has "
               f"{request.digest[:12]}: a version names one digest for ever. Next: change "
               "__version__ in app/__init__.py, or commit")
        raise Refusal(msg)
    if request.digest in quarantined(ledger) and not request.force:
        msg = (f"version {request.version} was rolled back and is quarantined. "
               "Next: deploy another version, or ./dash deploy --force")
        raise Refusal(msg)


def _keep(ledger: list[Entry], now: float, window_hours: float, parse: Any) -> list[str]:
    """Versions that the hosts must keep: all that served within the window."""
    since = now - window_hours * 3600
    served = _served(ledger)
    recent = [e["version"] for e in served if parse(e["at"]) >= since]
    return sorted({*recent, *(e["version"] for e in served[-3:])})


def deploy(request: Request, facts: Facts, ledger: list[Entry], parse: Any) -> Plan:
    """Plan a deploy.

    Args:
        request: kind "deploy" with version, digest, schema, config and config_hash.
        facts: by host name, as `release_facts` reports them plus `clock_skew` (seconds).
        ledger: entries of edges and database merged, oldest first.
        parse: turns an RFC 3339 time into seconds since the epoch.

    Raises:
        Refusal: with a reason for every no.
    """
    _refuse(_no_edges(facts), "deploy", "./dash up")
    _refuse(_preflight(facts, request.now, needs_database=True), "deploy")
    _check_identity(request, facts, ledger)
    from_color = active_color(facts)
    active = release_on(facts, from_color)
    wanted = Release(version=request.version, digest=request.digest,
                     config_hash=request.config_hash)
    to_color = other(from_color)
    hosts = colour_hosts(facts, to_color)
    _refuse([] if hosts else [f"colour {to_color} has no host"], "deploy", "./dash provision")
    noop = ""
    if wanted.same_as(active) and is_serving(facts, from_color):
        noop = f"{request.version} ({request.digest[:12]}) is active already, nothing to do"
    return Plan(
        kind="deploy", noop=noop, from_color=from_color, to_color=to_color,
        version=request.version, digest=request.digest, git_sha=request.git_sha,
        config=request.config, config_hash=request.config_hash,
        known=_known_ids(request.schema), previous=_previous(active, from_color),
        fence=highest_fence(facts, ledger) + 1, migrate=True, runner=hosts[0],
        restore=_previous(release_on(facts, to_color), to_color),
        keep=_keep(ledger, request.now, request.window_hours, parse),
    )


def _target(request: Request, active: Release | None, ledger: list[Entry]) -> Entry:
    """Choose the ledger entry that a rollback returns to."""
    served, bad = _served(ledger), quarantined(ledger)
    if request.version:
        found = [e for e in served if e["version"] == request.version]
        if not found:
            known = ", ".join(sorted({e["version"] for e in served})) or "none"
            msg = (f"version {request.version} never served here (known: {known}). "
                   "Next: ./dash history")
            raise Refusal(msg)
        if found[-1]["digest"] in bad and not request.force:
            msg = (f"version {request.version} was rolled back and is quarantined. "
                   "Next: ./dash rollback --to-version ANOTHER, or --force")
            raise Refusal(msg)
        return found[-1]
    here = (active.digest, active.config_hash) if active else None
    found = [e for e in served if (e["digest"], e["config_hash"]) != here
             and e["digest"] not in bad]
    if not found:
        left = "the others are quarantined" if len({e["digest"] for e in served}) > 1 else (
            "no other release has served here")
        msg = f"there is nothing to return to: {left}. Next: ./dash deploy"
        raise Refusal(msg)
    return found[-1]


def _schema_steps(facts: Facts, target: Entry) -> tuple[list[str], str]:
    """Return (expand steps whose down may run, why the schema is left alone).

    Raises Refusal past an irreversible or contract step the target does not know.
    """
    db = next((f for f in _by_role(facts, "db").values() if f.get("reachable")), None)
    if db is None:
        return [], "the database does not answer: the schema stays as it is"
    known = set(target.get("known") or [])
    later = [m for m in db.get("migrations") or [] if m["id"] not in known]
    wall = [m for m in later if m["class"] != "expand"]
    if wall:
        m = wall[-1]
        msg = (f"migration {m['id']} is {m['class']} and was applied after version "
               f"{target['version']}: it cannot run on this schema. Ways forward: freeze (deploy "
               "nothing, keep serving), roll forward with a fix (./dash deploy), or restore a "
               "backup taken before it")
        raise Refusal(msg)
    return [m["id"] for m in later], ""


def rollback(request: Request, facts: Facts, ledger: list[Entry], parse: Any) -> Plan:
    """Plan a rollback to `request.version`, or to the newest release fit to return to.

    Takes the same as `deploy`. The target runs warm on the other colour → a switch; otherwise
    its kept artifact is staged with the configuration that it had. Raises Refusal.
    """
    _refuse(_no_edges(facts), "rollback", "./dash up")
    _refuse(_preflight(facts, request.now, needs_database=False), "rollback")
    from_color = active_color(facts)
    active = release_on(facts, from_color)
    target = _target(request, active, ledger)
    wanted = Release(version=target["version"], digest=target["digest"],
                     config_hash=target["config_hash"])
    down, left = _schema_steps(facts, target)
    to_color = other(from_color)
    there = release_on(facts, to_color)
    warm = wanted.same_as(there) and is_serving(facts, to_color)
    hosts = colour_hosts(facts, to_color)
    noop = f"{wanted.version} is active already, nothing to do" if wanted.same_as(active) else ""
    if not warm and not noop:
        _refuse([f"{h} no longer keeps version {wanted.version}" for h in hosts
                 if wanted.digest[:12] not in " ".join(facts[h].get("artifacts") or [])],
                "rollback", "./dash deploy of that commit")
    same_code = active is not None and active.digest == wanted.digest
    return Plan(
        kind="rollback", noop=noop, from_color=from_color, to_color=to_color,
        version=wanted.version, digest=wanted.digest, git_sha=target.get("git_sha", ""),
        config=target["config"], config_hash=wanted.config_hash,
        known=list(target.get("known") or []), previous=_previous(active, from_color),
        fence=highest_fence(facts, ledger) + 1, warm=warm, down=down, schema_left=left,
        quarantine=[active.digest] if active and not same_code else [],
        runner=hosts[0] if hosts else "",
        restore=None if warm else _previous(there, to_color),
        keep=_keep(ledger, request.now, request.window_hours, parse),
    )


def switch(request: Request, facts: Facts, ledger: list[Entry], parse: Any) -> Plan:
    """Plan the traffic switch alone, to `request.to_color` or the other colour.

    Only to a colour whose release runs and is ready. Raises Refusal.
    """
    _refuse(_no_edges(facts), "switch", "./dash up")
    _refuse(_preflight(facts, request.now, needs_database=False), "switch")
    seen = {f.get("active", "none") for f in _by_role(facts, "edge").values()}
    from_color = next(iter(seen)) if len(seen) == 1 else other(request.to_color or "green")
    to_color = request.to_color or other(from_color)
    release = release_on(facts, to_color)
    if to_color not in COLORS:
        msg = f"there is no colour {to_color!r}: ./dash switch blue or ./dash switch green"
        raise Refusal(msg)
    if release is None or not is_serving(facts, to_color):
        msg = (f"colour {to_color} has no release that runs and is ready: nothing was changed. "
               "Next: ./dash status")
        raise Refusal(msg)
    if release.digest in quarantined(ledger) and not request.force:
        msg = (f"colour {to_color} runs {release.version}, which is quarantined. "
               "Next: ./dash deploy")
        raise Refusal(msg)
    past = [e for e in _served(ledger) if e["digest"] == release.digest]
    entry = past[-1] if past else {}
    noop = f"{to_color} is active already, nothing to do" if seen == {to_color} else ""
    return Plan(
        kind="switch", noop=noop, from_color=from_color, to_color=to_color,
        version=release.version, digest=release.digest, git_sha=entry.get("git_sha", ""),
        config=entry.get("config", ""), config_hash=release.config_hash,
        known=list(entry.get("known") or []),
        previous=_previous(release_on(facts, from_color), from_color),
        fence=highest_fence(facts, ledger) + 1, warm=True,
        runner=colour_hosts(facts, to_color)[0],
        keep=_keep(ledger, request.now, request.window_hours, parse),
    )


def promote(request: Request, facts: Facts, ledger: list[Entry], parse: Any) -> Plan:
    """Plan what is left of a paused deploy: the switch and what follows.

    Takes the same as `deploy`. Raises Refusal when no deploy waits, or its colour is not ready.
    """
    _refuse(_preflight(facts, request.now, needs_database=False), "promote")
    waiting = [f["operation"] for f in facts.values()
               if (f.get("operation") or {}).get("state") == "paused"]
    if not waiting:
        msg = "no deploy waits for an answer: nothing was changed. Next: ./dash status"
        raise Refusal(msg)
    made = Plan(**waiting[0]["plan"])
    if active_color(facts) != made.from_color or not is_serving(facts, made.to_color):
        msg = (f"the paused deploy of {made.version} no longer stands ready on {made.to_color}. "
               "Next: ./dash abort, then ./dash deploy")
        raise Refusal(msg)
    made.warm, made.migrate = True, False
    made.fence = highest_fence(facts, ledger) + 1
    made.keep = _keep(ledger, request.now, request.window_hours, parse)
    return made


def contract(request: Request, facts: Facts, ledger: list[Entry], parse: Any) -> Plan:
    """Plan the held contract and irreversible steps of the active release.

    Raises Refusal while a release that does not know a held step is within its window, naming it
    and when the window ends.
    """
    _refuse(_no_edges(facts), "migrate", "./dash up")
    _refuse(_preflight(facts, request.now, needs_database=True), "migrate")
    color = active_color(facts)
    active = release_on(facts, color)
    served = _served(ledger)
    entry = next((e for e in reversed(served) if active and e["digest"] == active.digest), None)
    if active is None or entry is None:
        msg = "no release is active: there is nothing to migrate. Next: ./dash deploy"
        raise Refusal(msg)
    applied = {m["id"] for f in _by_role(facts, "db").values() for m in f.get("migrations") or []}
    held = [i for i in entry["known"] if i not in applied]
    ends = {}
    last = {e["digest"]: e for e in served}
    for e in last.values():
        left_at = max((parse(x["at"]) for x in served
                       if (x.get("previous") or {}).get("digest") == e["digest"]),
                      default=request.now)
        until = left_at + request.window_hours * 3600
        if until > request.now and not set(held) <= set(e["known"]):
            ends[e["version"]] = until
    if held and ends:
        version, until = max(ends.items(), key=lambda x: x[1])
        hours = (until - request.now) / 3600
        msg = (f"migration {held[0]} is held back: version {version} does not know it and is within "
               f"its rollback window for another {hours:.1f} h. Next: wait, or shorten the window "
               "with -e dash_window_hours=N and give up the rollback")
        raise Refusal(msg)
    return Plan(
        kind="migrate", noop="" if held else "no step is held back, nothing to do",
        from_color=color, to_color=color, version=active.version, digest=active.digest,
        git_sha=entry.get("git_sha", ""), config=entry["config"], config_hash=active.config_hash,
        known=list(entry["known"]), previous=_previous(active, color),
        fence=highest_fence(facts, ledger) + 1, warm=True, migrate=True,
        runner=colour_hosts(facts, color)[0],
    )
