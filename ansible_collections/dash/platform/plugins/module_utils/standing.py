"""How a stack stands before an operation: facts of hosts read, nothing decided, nothing changed.

Facts are what `dash.platform.release_facts` reports, by host name, plus `clock_skew` (seconds). A
host that did not answer has `role`, `color`, `unreachable` and perhaps `why` and `cure` only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

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

    @classmethod
    def of(cls, found: dict[str, Any]) -> Release:
        """Make one from a host's current release or from a ledger entry."""
        return cls(
            version=found["version"], digest=found["digest"], config_hash=found["config_hash"]
        )

    def same_as(self, other: Release | None) -> bool:
        """Tell whether code and configuration are those of `other`."""
        return other is not None and (self.digest, self.config_hash) == (
            other.digest,
            other.config_hash,
        )

    def on(self, color: str) -> dict[str, str]:
        """Return it as plain data with the colour that it stands on."""
        return {**asdict(self), "color": color}


def of_role(facts: Facts, role: str) -> Facts:
    """Return the facts of the hosts of a role, by name in order."""
    return {host: f for host, f in sorted(facts.items()) if f.get("role") == role}


def colour_hosts(facts: Facts, color: str) -> list[str]:
    """Return the names of the app hosts of a colour, sorted."""
    return [h for h, f in of_role(facts, "app").items() if f.get("color") == color]


def other(color: str) -> str:
    """Return the colour that is not `color`; nothing is active yet → blue comes first."""
    return "green" if color == "blue" else "blue"


def seen_active(facts: Facts) -> dict[str, str]:
    """Return by edge which colour it says is active; edges that do not answer are left out."""
    return {
        host: f.get("active", "none")
        for host, f in of_role(facts, "edge").items()
        if not f.get("unreachable")
    }


def active_color(facts: Facts) -> str:
    """Return the colour that serves, or "none". Raises Refusal when the edges disagree."""
    seen = seen_active(facts)
    if len(set(seen.values())) > 1:
        said = ", ".join(f"{h} says {c}" for h, c in seen.items())
        if len({c for c in seen.values() if c != "none"}) == 1:
            new = ", ".join(h for h, c in seen.items() if c == "none")
            raise Refusal(
                f"{new} does not serve what the others do ({said}). Next: ./dash configure"
            )
        raise Refusal(
            f"the edges disagree about the active colour ({said}). "
            "Next: ./dash switch COLOUR settles it"
        )
    return next(iter(seen.values()), "none")


def release_on(facts: Facts, color: str) -> Release | None:
    """Return the release that all hosts of a colour that answer have as current, or None."""
    here = [facts[h] for h in colour_hosts(facts, color) if not facts[h].get("unreachable")]
    found = {Release.of(f["current"]) if f.get("current") else None for f in here}
    return found.pop() if len(found) == 1 else None


def is_serving(facts: Facts, color: str) -> bool:
    """Tell whether every host of a colour runs its release and is ready."""
    hosts = colour_hosts(facts, color)
    return bool(hosts) and all(
        facts[h].get("unit") == "active" and facts[h].get("ready") for h in hosts
    )


def migrations(facts: Facts) -> list[dict[str, str]] | None:
    """Return the applied schema steps, oldest first; None when the database does not answer."""
    answer = (f for f in of_role(facts, "db").values() if f.get("reachable"))
    database = next(answer, None)
    return None if database is None else list(database.get("migrations") or [])


def highest_fence(facts: Facts, ledger: list[Entry]) -> int:
    """Return the highest fencing number seen by any host or ledger entry (0 when none)."""
    return max(
        [
            0,
            *(int(f.get("fence") or 0) for f in facts.values()),
            *(int(e.get("fence") or 0) for e in ledger),
        ]
    )


def missing_groups(facts: Facts) -> list[str]:
    """Return a line for every group that a release needs and that has no host."""
    roles = {f.get("role") for f in facts.values()}
    needed = ("edge", "app", "db")
    return [f"the inventory has no host of group {r}" for r in needed if r not in roles]


def objections(facts: Facts, hosts: Iterable[str]) -> list[str]:
    """Return a reason for every no of these hosts, in the order of their names."""
    return [why for host in sorted(hosts) for why in _host_objections(host, facts[host])]


def _host_objections(host: str, f: dict[str, Any]) -> list[str]:
    if f.get("unreachable"):
        return [f"{host}: {f['why']}" if f.get("why") else f"{host} does not answer over ssh"]
    why = []
    if f.get("disk_free_mib", MIN_DISK_MIB) < MIN_DISK_MIB:
        why.append(f"{host} has {f['disk_free_mib']} MiB of disk left, {MIN_DISK_MIB} are needed")
    if abs(f.get("clock_skew", 0.0)) > MAX_CLOCK_SKEW:
        why.append(f"the clock of {host} is {f['clock_skew']:+.0f} s off")
    if f.get("role") == "edge":
        if not f.get("haproxy_active"):
            why.append(f"haproxy does not run on {host}")
        if f.get("certificate_days", MIN_CERT_DAYS) < MIN_CERT_DAYS:
            why.append(f"the certificate of {host} has expired or ends today: ./dash configure")
    if f.get("role") == "db" and not f.get("reachable"):
        why.append(f"the database on {host} does not answer ({f.get('why', 'no reason given')})")
    return why


def refuse(reasons: list[str], what: str, cure: str = "./dash doctor") -> None:
    """Raise Refusal when there are reasons."""
    if reasons:
        raise Refusal(f"{what} is refused, nothing was changed: {'; '.join(reasons)}. Next: {cure}")
