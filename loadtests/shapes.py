"""The shapes of load as data: how many of each persona, how long, and how often each acts.

All but `knee` and `compare` use one mix: 20 agents, 4 API clients, 2 streaming clients and 1 person
are a copy, so that `100` is five copies, 135 users. Those two ask the API more, for agents that
wait cost little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OWNER_AGENTS = 50  # agents of one account: each hears who of the same account comes and goes


class ShapeError(Exception):
    """There is no such shape; the text is one line."""


@dataclass(frozen=True)
class Mix:
    """How many of each persona one copy has."""

    agents: int = 20
    clients: int = 4
    streamers: int = 2
    people: int = 1

    @property
    def users(self) -> int:
        """Return how many users a copy has."""
        return self.agents + self.clients + self.streamers + self.people


@dataclass(frozen=True)
class Stage:
    """So many copies, for so many seconds."""

    seconds: float
    copies: int


@dataclass(frozen=True)
class Shape:
    """A load over time. Each persona acts at random at a mean rate (a second), as arrivals do."""

    name: str
    about: str
    stages: tuple[Stage, ...]
    mix: Mix = Mix()
    spawn: float = 10.0  # users a second
    stairs: bool = False  # ends at the first stage that misses its thresholds: the knee
    sides: bool = False  # half of each persona asks each of two releases

    @property
    def seconds(self) -> float:
        """Return how long it takes."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def agents(self) -> int:
        """Return the most agents at one time."""
        return max(stage.copies for stage in self.stages) * self.mix.agents

    @property
    def owners(self) -> int:
        """Return how many accounts the agents are spread over."""
        return -(-self.agents // OWNER_AGENTS)

    def within(self, seconds: float) -> Shape:
        """Return the same shape in so many seconds."""
        part = seconds / self.seconds
        stages = tuple(replace(stage, seconds=stage.seconds * part) for stage in self.stages)
        return replace(self, stages=stages)

    def stage(self, at: float) -> tuple[int, Stage] | None:
        """Return (number, stage) at a time; None when it is over."""
        ends = accumulate(stage.seconds for stage in self.stages)
        for number, (end, stage) in enumerate(zip(ends, self.stages, strict=True)):
            if at < end:
                return number, stage
        return None

    def users(self, at: float) -> int | None:
        """Return how many users there are to be at a time; None when it is over."""
        found = self.stage(at)
        return None if found is None else found[1].copies * self.mix.users


RATES: Mapping[str, float] = {  # of each user, a second
    "agent": 0.5,  # tasks; each is answered with a result: 1 message a second
    "client": 1.0,
    "streamer": 0.2,
    "person": 0.2,
}
KNEE = Mix(agents=5, clients=20, streamers=1, people=1)
SHAPES: Mapping[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("smoke", "whether all personas work", (Stage(30, 1),)),
        Shape("20", "20 agents", (Stage(90, 1),)),
        Shape("50", "50 agents", (Stage(90, 1),), Mix(50, 10, 5, 2)),
        Shape("100", "100 agents", (Stage(120, 5),)),
        Shape("spike", "20 agents, 100 at once, 20", (Stage(40, 1), Stage(40, 5), Stage(40, 1)),
              spawn=50.0),
        Shape("soak", "50 agents for half an hour", (Stage(1800, 1),), Mix(50, 10, 5, 2)),
        Shape("knee", "stairs until a threshold is missed",
              tuple(Stage(25, copies) for copies in (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32)),
              KNEE, spawn=30.0, stairs=True),
        Shape("compare", "the release before and the one now, in the same seconds",
              (Stage(100, 1),), Mix(agents=20, clients=30, streamers=30, people=4), sides=True),
    )
}  # fmt: skip


def find(name: str) -> Shape:
    """Return a shape by its name.

    Raises:
        ShapeError: there is none; it names the nearest.
    """
    if name in SHAPES:
        return SHAPES[name]
    near = get_close_matches(name, SHAPES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(SHAPES)}"
    raise ShapeError(f"there is no shape {name!r}: {hint}")
