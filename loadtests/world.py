"""What all users of one process of locust share: the target, accounts, and what is counted."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from loadtests import accounts
from loadtests.health import Health
from loadtests.ledger import Ledger
from loadtests.pacing import Pace
from loadtests.shapes import RATES

if TYPE_CHECKING:
    from pathlib import Path

    from locust.env import Environment

    from loadtests.accounts import Accounts
    from loadtests.shapes import Shape
    from loadtests.target import Target


@dataclass
class World:
    """One process's part of a run."""

    target: Target
    shape: Shape
    accounts_file: Path
    sides: tuple[tuple[str, str], ...] = ()  # (name, address): of a comparison, both releases
    ledger: Ledger = field(default_factory=Ledger)
    health: Health = field(default_factory=Health)
    random: Random = field(default_factory=Random)
    paces: list[Pace] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    agents: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    token: str = field(default_factory=lambda: secrets.token_hex(3))  # names of agents are its own
    _numbers: Any = field(default_factory=lambda: itertools.count(0))
    _turns: Counter[str] = field(default_factory=Counter)
    _accounts: Accounts | None = None

    def number(self) -> int:
        """Return a number that no other user of this process has."""
        return int(next(self._numbers))

    def side(self, persona: str) -> tuple[str, str]:
        """Return (name, address) that the next user of a persona asks: they take turns."""
        sides = self.sides or (("", self.target.url),)
        self._turns[persona] += 1
        return sides[self._turns[persona] % len(sides)]

    @property
    def accounts(self) -> Accounts:
        """Return the accounts; read when the first user comes, for they may be made meanwhile."""
        if self._accounts is None:
            self._accounts = accounts.read(self.accounts_file)
        return self._accounts

    def key(self, number: int) -> str:
        """Return the key of a user."""
        return self.accounts.keys[number % len(self.accounts.keys)]

    def pace(self, persona: str) -> Pace:
        """Return the arrivals of one more user."""
        pace = Pace(RATES[persona], self.random)
        self.paces.append(pace)
        return pace

    def report(self) -> dict[str, Any]:
        """Return what this process counted, for the one that judges."""
        ledger, health = self.ledger, self.health
        return {
            "health": {"seconds": health.seconds, "busy": health.busy, "cpu": health.cpu},
            "lag": dict(health.lag),
            "due": sum(pace.due for pace in self.paces),
            "sent": sum(pace.sent for pace in self.paces),
            "sockets": {
                "agents": self.counts["agents"],
                "lost": self.counts["lost"],
                "resumed": self.counts["resumed"],
                "sent": ledger.sent,
                "arrived": ledger.arrived,
                "missing": ledger.missing,
                "doubled": ledger.doubled + ledger.strange,
            },
        }


_WORLDS: WeakKeyDictionary[Environment, World] = WeakKeyDictionary()


def keep(environment: Environment, world: World) -> None:
    """Let the users of an environment find their world."""
    _WORLDS[environment] = world


def of(environment: Environment) -> World:
    """Return the world of an environment."""
    return _WORLDS[environment]


def now() -> float:
    """Return the time of clocks that nobody sets."""
    return time.monotonic()
