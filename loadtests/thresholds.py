"""The thresholds as data, and what a run is by them: passed, missed or inconclusive.

The limits are first values, not yet held against a quiet lab. `inconclusive` is about the client:
whoever measures with a client that is itself too slow measures the client.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from loadtests import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Outcome = Literal["passed", "missed", "inconclusive"]
CODES: Mapping[Outcome, int] = {"passed": 0, "missed": 1, "inconclusive": 4}

BUSY_CPU = 0.9  # of a core: from here on a process of locust is the bottleneck
BUSY_SHARE = 0.1  # of the seconds in which it may be
MOST_LAG_MS = 100.0  # 95th percentile of how late a greenlet wakes up
REACHED = 0.95  # of what was due must have been sent
FEWEST = 20  # samples below which a percentile says nothing


@dataclass(frozen=True)
class Limit:
    """What a kind may take: milliseconds, and the share that may fail."""

    p95_ms: float
    p99_ms: float
    errors: float = 0.01


LIMITS: Mapping[str, Limit] = {
    kinds.API: Limit(250, 1000),
    kinds.CHAT: Limit(3000, 6000),
    kinds.FIRST: Limit(1000, 2000),
    kinds.STREAM: Limit(5000, 8000),
    kinds.CONNECT: Limit(2000, 4000),
    kinds.DELIVERY: Limit(500, 1500),
    kinds.PAGE: Limit(500, 1500),
    kinds.SIGN_IN: Limit(3000, 6000),  # bcrypt: 0.2 s of a core, and people may wait for one
}


@dataclass(frozen=True)
class Figures:
    """What was measured of one kind."""

    n: int
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def errors(self) -> float:
        """Return the share that failed."""
        return self.failed / self.n if self.n else 0.0


@dataclass(frozen=True)
class Client:
    """How the load's own client was."""

    seconds: int = 0  # that its processes were watched, added up
    busy: int = 0  # of those, in which one was above BUSY_CPU
    lag_ms: float = 0.0
    cpu: float = 0.0  # cores, the busiest process over the run
    due: int = 0
    sent: int = 0
    missing: int = 0  # processes that vanished

    @property
    def reached(self) -> float:
        """Return the share of what was due that was sent."""
        return self.sent / self.due if self.due else 1.0


@dataclass(frozen=True)
class Sockets:
    """What became of agents, their sockets and messages."""

    agents: int = 0
    lost: int = 0
    resumed: int = 0
    sent: int = 0
    arrived: int = 0
    missing: int = 0
    doubled: int = 0


@dataclass(frozen=True)
class Check:
    """One threshold, held against what was measured."""

    what: str
    limit: float
    measured: float
    ok: bool
    unit: str = ""

    @property
    def line(self) -> str:
        """Return it for people."""
        seen, most = (
            (f"{self.measured:.2%}", f"{self.limit:.2%}")
            if self.unit == "%"
            else (f"{self.measured:g}{self.unit}", f"{self.limit:g}{self.unit}")
        )
        return f"{self.what} is {seen}, {most} is allowed"


@dataclass(frozen=True)
class Verdict:
    """What a run is, and why."""

    outcome: Outcome
    checks: tuple[Check, ...] = ()
    why: tuple[str, ...] = field(default_factory=tuple)

    @property
    def code(self) -> int:
        """Return the exit code."""
        return CODES[self.outcome]

    @property
    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def of_kinds(found: Mapping[str, Figures], limits: Mapping[str, Limit] = LIMITS) -> list[Check]:
    """Return a check of each limit; too few samples have no percentile to be judged."""
    checks = []
    for kind, limit in limits.items():
        if (seen := found.get(kind)) is None or not seen.n:
            continue
        checks.append(
            Check(f"{kind} errors", limit.errors, seen.errors, seen.errors <= limit.errors, "%")
        )
        if seen.n - seen.failed >= FEWEST:
            for name, most, ms in (
                ("p95", limit.p95_ms, seen.p95_ms),
                ("p99", limit.p99_ms, seen.p99_ms),
            ):
                checks.append(Check(f"{kind} {name}", most, ms, ms <= most, " ms"))
    return checks


def of_sockets(sockets: Sockets) -> list[Check]:
    """Return the checks of what may never be lost."""
    return [
        Check(what, 0, n, n == 0)
        for what, n in (
            ("sockets lost", sockets.lost),
            ("messages lost", sockets.missing),
            ("messages doubled", sockets.doubled),
        )
    ]


def of_client(client: Client) -> list[str]:
    """Return why the client itself cannot be trusted to have measured the service."""
    why = []
    if client.missing:
        why.append(f"{client.missing} of the client's processes vanished")
    if client.seconds and client.busy > BUSY_SHARE * client.seconds:
        why.append(
            f"the client used more than {BUSY_CPU:.0%} of a core in {client.busy} of "
            f"{client.seconds} seconds: give it more processes (--processes)"
        )
    if client.lag_ms > MOST_LAG_MS:
        why.append(
            f"the client's own greenlets woke up {client.lag_ms:.0f} ms late (p95, "
            f"{MOST_LAG_MS:.0f} ms is allowed): its times are not the service's"
        )
    return why


def judge(
    found: Mapping[str, Figures],
    sockets: Sockets,
    client: Client,
    wanted: Sequence[str] = kinds.KINDS,
) -> Verdict:
    """Judge a whole run; `wanted` are the kinds of which something must have been measured."""
    checks = [*of_kinds(found), *of_sockets(sockets)]
    why = of_client(client)
    absent = [kind for kind in wanted if not (seen := found.get(kind)) or not seen.n]
    if absent:
        why.append(f"nothing was measured of {', '.join(absent)}")
    missed = [check.line for check in checks if not check.ok]
    if client.reached < REACHED and not missed and not why:
        why.append(
            f"only {client.reached:.0%} of what was due was sent, and no threshold says that the "
            f"service was slow ({client.sent} of {client.due})"
        )
    if why:
        return Verdict("inconclusive", tuple(checks), (*why, *missed))
    return Verdict("missed" if missed else "passed", tuple(checks), tuple(missed))


def total(parts: Iterable[Sockets]) -> Sockets:
    """Return the sum over processes."""
    rows = [asdict(part) for part in parts]
    return Sockets(**{name: sum(row[name] for row in rows) for name in asdict(Sockets())})
