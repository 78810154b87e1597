"""Which resource saturated first: rules with stated limits over the server's series.

A resource counts as saturated in the first of two samples that follow one another (5 s apart) at
or above its limit: one alone may be chance. Utilisation near 1, or work that waits, is saturation
in the sense of Gregg's USE method (brendangregg.com/usemethod.html); the limits are ours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtests.prometheus import Series


@dataclass(frozen=True)
class Rule:
    """From where on a series says that its resource is used up, and what to do about it."""

    series: str
    limit: float
    what: str
    scale: str


RULES: Sequence[Rule] = (
    Rule("cpu of the service (cores)", 0.85, "the service's one event loop",
         "more app hosts or processes of a colour"),
    Rule("cpu of the machine", 0.9, "the CPUs of the machine",
         "more vCPUs (in the lab all hosts, and the load itself, share them)"),
    Rule("pool: requests that wait", 1, "the service's pool of database connections",
         "DASH_APP_POOL_MAX, within the database's max_connections"),
    Rule("gateway: requests that wait", 1, "the gateway's places at a provider",
         "concurrency of the provider in llm.toml"),
    Rule("edge: requests that wait for a server", 1, "the edge's connections to the service",
         "more app hosts of a colour"),
    Rule("edge: cpu of HAProxy", 0.85, "HAProxy", "more edges, or vCPUs of the edge"),
    Rule("sign-in: seconds (mean)", 2.0, "the threads that check passwords",
         "DASH_APP_HASH_THREADS and vCPUs"),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A resource that was used up, since when and with which figure."""

    rule: Rule
    of: str
    after: float  # seconds from the start of the run
    value: float

    @property
    def line(self) -> str:
        """Return it for people, with its evidence."""
        of = f" of {self.of}" if self.of else ""
        return (
            f"{self.rule.what}: `{self.rule.series}`{of} was {self.value:.2f} after "
            f"{self.after:.0f} s, {self.rule.limit:g} is the limit; to scale: {self.rule.scale}"
        )

    @property
    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "line": self.line}


def find(server: Mapping[str, Series], began: float) -> list[Finding]:
    """Return what was used up, the first first; at the same time, in the order of the rules."""
    found = []
    for rule in RULES:
        for of, points in server.get(rule.series, {}).items():
            for (at, value), (_, after) in pairwise(points):
                if value >= rule.limit and after >= rule.limit:
                    found.append(Finding(rule, of, max(0.0, at - began), value))
                    break
    return sorted(found, key=lambda each: each.after)


def highest(server: Mapping[str, Series]) -> list[dict[str, Any]]:
    """Return how near each resource came to its limit, the nearest first."""
    rows = []
    for rule in RULES:
        values = [v for points in server.get(rule.series, {}).values() for _, v in points]
        if values:
            share = max(values) / rule.limit
            rows.append({"what": rule.what, "share": share, "scale": rule.scale})
    return sorted(rows, key=lambda row: -row["share"])
