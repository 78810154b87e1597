"""Stacks as facts: one edge, two app hosts of each colour, one database, and their ledger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils.plan import Request

NOW = 1_790_000_000.0
HOUR = 3600.0
CONFIG = "DASH_APP_LOG_LEVEL=info\n"

Facts = dict[str, dict[str, Any]]


def sha(text: str) -> str:
    """Return the SHA-256 of a text: digests and hashes that look like real ones."""
    return hashlib.sha256(text.encode()).hexdigest()


def at(hours_ago: float) -> str:
    """Return the RFC 3339 time so many hours before NOW."""
    return datetime.fromtimestamp(NOW - hours_ago * HOUR, UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Version:
    """A release: its name, the schema steps it knows, its configuration."""

    name: str
    known: tuple[str, ...] = ("0001",)
    config: str = CONFIG

    @property
    def digest(self) -> str:
        return sha(self.name)

    @property
    def current(self) -> dict[str, str]:
        return {"version": self.name, "digest": self.digest, "config_hash": sha(self.config)}

    def on(self, color: str) -> dict[str, str]:
        return {**self.current, "color": color}


@dataclass
class Stand:
    """A stack to plan against; what happened is told by `deployed` and `rolled_back`."""

    facts: Facts = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)

    @property
    def active(self) -> str:
        return str(self.facts["edge-1"]["active"])

    def on(self, color: str, version: Version | None, *, ready: bool = True) -> Stand:
        """Make a release the current one of a colour."""
        for host in (f"app-{color}-1", f"app-{color}-2"):
            self.facts[host].update(
                current=version.current if version else None,
                unit="active" if version and ready else "inactive",
                ready=bool(version and ready),
            )
        return self

    def kept(self, *versions: Version) -> Stand:
        """Put artifacts on every app host."""
        for f in self.facts.values():
            if f["role"] == "app":
                f["artifacts"] = [f"dash-{v.name}-{v.digest[:12]}.tar.zst" for v in versions]
        return self

    def applied(self, *ids: str, **classes: str) -> Stand:
        """Apply schema steps; keywords name those that are not expand, as m0003="contract"."""
        self.facts["db-1"]["migrations"] = [
            {"id": i, "class": classes.get(f"m{i}", "expand")} for i in ids
        ]
        return self

    def wrote(self, version: Version, hours_ago: float = 1.0, **more: Any) -> Stand:
        """Add a ledger entry of a deploy that was done, unless told otherwise."""
        number = len(self.ledger) + 1
        entry = {
            "id": f"op-{number}",
            "at": at(hours_ago),
            "kind": "deploy",
            "outcome": "done",
            "version": version.name,
            "digest": version.digest,
            "git_sha": "a1b2c3",
            "config": version.config,
            "config_hash": sha(version.config),
            "known": list(version.known),
            "color": "blue",
            "previous": None,
            "fence": number,
            "quarantine": [],
        }
        self.ledger.append({**entry, **more})
        return self

    def small(self) -> Stand:
        """Leave one host of each colour."""
        self.facts = {h: f for h, f in self.facts.items() if f["role"] != "app" or h[-1] == "1"}
        return self

    def lose(self, *hosts: str) -> Stand:
        """Make hosts unreachable: nothing but role and colour is known of them."""
        for host in hosts:
            f = self.facts[host]
            self.facts[host] = {"role": f["role"], "color": f["color"], "unreachable": True}
        return self


def stand(active: str = "blue", edges: int = 1) -> Stand:
    """Return a healthy stack on which nothing was released yet."""
    facts: Facts = {
        f"edge-{n + 1}": {
            "role": "edge",
            "color": "",
            "fence": 3,
            "active": active,
            "haproxy_active": True,
            "certificate_days": 90,
            "disk_free_mib": 9000,
            "clock_skew": 0.0,
            "operation": None,
            "lease": None,
        }
        for n in range(edges)
    }
    for color in ("blue", "green"):
        for n in (1, 2):
            facts[f"app-{color}-{n}"] = {
                "role": "app",
                "color": color,
                "fence": 3,
                "disk_free_mib": 9000,
                "clock_skew": 0.0,
                "releases": [],
                "artifacts": [],
                "current": None,
                "unit": "inactive",
                "ready": False,
            }
    facts["db-1"] = {
        "role": "db",
        "color": "",
        "fence": 2,
        "reachable": True,
        "migrations": [{"id": "0001", "class": "expand"}],
        "disk_free_mib": 9000,
        "clock_skew": 0.0,
    }
    return Stand(facts)


A = Version("0.1.0")
B = Version("0.2.0", ("0001", "0002"))
C = Version("0.3.0", ("0001", "0002", "0003"))


def serving() -> Stand:
    """Return a stack after two deploys: A went to blue, then B to green; A is still warm."""
    return (
        stand("green")
        .on("blue", A)
        .on("green", B)
        .kept(A, B)
        .applied("0001", "0002")
        .wrote(A, hours_ago=5, color="blue")
        .wrote(B, hours_ago=1, color="green", previous=A.on("blue"))
    )


def three() -> Stand:
    """Return a stack after three deploys: C serves on blue, B is warm on green, A is kept."""
    return (
        stand("blue")
        .on("blue", C)
        .on("green", B)
        .kept(A, B, C)
        .applied("0001", "0002", "0003")
        .wrote(A, hours_ago=5, color="blue")
        .wrote(B, hours_ago=3, color="green", previous=A.on("blue"))
        .wrote(C, hours_ago=1, color="blue", previous=B.on("green"))
    )


def request(kind: str, artifact: Version | None = None, **more: Any) -> Request:
    """Return what an operator asks for; an artifact fills in what it holds."""
    if artifact is not None:
        more = {
            "version": artifact.name,
            "digest": artifact.digest,
            "config": artifact.config,
            "config_hash": sha(artifact.config),
            "schema": {"expand": list(artifact.known)},
            **more,
        }
    return Request(kind=kind, now=NOW, **more)
