"""Two edges, one controller that may vanish, timers and answers that come whenever they like.

Every course that these can take is played with the edges' own code. Whatever has happened, two
edges that can talk to one another serve the same colour in the end, without a controller.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from ansible_collections.dash.platform.plugins.action import release_recovery
from ansible_collections.dash.platform.plugins.module_utils import (
    following,
    haproxy,
    neighbours,
    switch,
    timer,
)
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from tests.integration.platform.edges import ID

OPEN = {"id": ID, "fence": 7, "to_color": "green", "switched_from": "blue", "confirm_within": 9}
GO = [(verb, n) for verb in ("switch", "confirm", "done") for n in (0, 1)]
UNDO = [(verb, n) for verb in ("revert", "undone") for n in (0, 1)]
FINISH = [(verb, n) for verb in ("confirm", "done") for n in (0, 1)]
DEAD = -1


class Stand(NamedTuple):
    """An edge: the state of its operation ("": settled), its colour, what its ledger says."""

    state: str
    active: str
    outcome: str = ""


class World(NamedTuple):
    """Both edges, and which step of which program the controller is at."""

    edges: tuple[Stand, Stand]
    program: str = "GO"
    step: int = 0


class Quiet(haproxy.Runtime):
    """A HAProxy that does as it is told."""

    def set_map(self, file: str, key: str, value: str) -> None:
        """Take it."""

    def wait_up(self, name: str, seconds: float) -> None:
        """Be up."""


@dataclass(frozen=True)
class Other(neighbours.Neighbour):
    """A neighbour that is asked without a network."""

    stand: Stand

    def ask(self) -> neighbours.Said:
        held = {"id": ID, "state": self.stand.state} if self.stand.state else None
        return neighbours.says(self.stand.active, 7, held)


class Stage:
    """Puts two real edges into a state, has one do something, and looks what came of it."""

    def __init__(self, root: Path) -> None:
        self.edges = [self._edge(root / name) for name in ("one", "two")]

    @staticmethod
    def _edge(directory: Path) -> switch.Edge:
        directory.mkdir()
        return switch.Edge(directory / "active.map", directory, Quiet())

    def play(self, world: World, verb: str, n: int) -> World:
        """Return the world after an edge did something. Raises Fault when it refuses."""
        edge, before = self.edges[n], world.edges[n]
        edge.map_file.write_text(f"active {before.active}\n", encoding="ascii")
        (edge.state_dir / "operation.json").unlink(missing_ok=True)
        if before.state:
            edge.operation.keep({**OPEN, "state": before.state, "deadline": 0.0})
        self._do(edge, verb, world.edges[1 - n])
        held = edge.operation.current()
        outcome = verb if verb in ("done", "undone") and before.state else before.outcome
        after = Stand(str(held["state"]) if held else "", edge.active(), outcome)
        pair = (after, world.edges[1]) if n == 0 else (world.edges[0], after)
        return world._replace(edges=pair)

    def _do(self, edge: switch.Edge, verb: str, other: Stand) -> None:
        if verb == "switch":
            edge.switch(ID, "green", confirm_within=9, wait_up=0)
        elif verb == "confirm":
            edge.confirm(ID)
        elif verb == "revert":
            edge.revert(ID, told=True)
        elif verb == "timer":
            edge.revert(ID)
        elif verb == "look":
            following.Follower(edge, ID, [Other("other", "", 0, other)]).look()
        else:
            edge.operation.record(ID, "done" if verb == "done" else "reverted")

    def alone(self, world: World) -> set[World]:
        """Return what may become of a world without a controller."""
        after = set()
        for n, stand in enumerate(world.edges):
            if stand.state == "switched":
                after.add(self.play(world, "timer", n))
            if stand.state in following.MOVED:
                after.add(self.play(world, "look", n))
        return after - {world}

    def at_last(self, world: World) -> World:
        """Return what a world comes to when timers have run out and everybody has looked."""
        while after := self.alone(world):
            world = min(after)
        return world

    def controlled(self, world: World) -> set[World]:
        """Return what may become of a world by its controller's next step.

        It is done and answered, done and the answer lost, or the edge is not reached; and the
        controller may be gone before that.
        """
        if world.step == DEAD:
            return self._next_command(world)
        program = {"GO": GO, "UNDO": UNDO, "FINISH": FINISH}[world.program]
        gone = {world._replace(step=DEAD)}
        if world.step == len(program):
            return gone
        verb, n = program[world.step]
        on = world._replace(step=world.step + 1)
        failed = (
            on if verb in ("done", "undone", "revert") else world._replace(program="UNDO", step=0)
        )
        if world.program == "FINISH" and verb == "confirm":
            failed = world._replace(step=DEAD)  # a recovery that fails refuses, and undoes nothing
        try:
            done = self.play(world, verb, n).edges
        except Fault:
            return gone | {failed}
        return gone | {failed, on._replace(edges=done), failed._replace(edges=done)}

    @staticmethod
    def _next_command(world: World) -> set[World]:
        """Return how the next command begins: it settles what it finds, in one way on both."""
        found = {}
        for n, stand in enumerate(world.edges):
            held = {**OPEN, "state": stand.state} if stand.state else None
            facts = {"role": "edge", "fence": 7, "active": stand.active, "operation": held}
            found[f"edge-{n}"] = facts
        held = release_recovery.interrupted(found)
        if held is None:
            return set()
        return {
            world._replace(program="FINISH" if held["state"] == "confirmed" else "UNDO", step=0)
        }


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in ("arm", "disarm", "follow"):
        monkeypatch.setattr(timer, name, lambda *_: None)
    return Stage(tmp_path)


def courses(stage: Stage) -> dict[World, World | None]:
    """Return every world that can be reached, each with the one before it."""
    begun = World((Stand("begun", "blue"), Stand("begun", "blue")))
    seen: dict[World, World | None] = {begun: None}
    waiting = deque([begun])
    while waiting:
        world = waiting.popleft()
        for after in (stage.controlled(world) | stage.alone(world)) - set(seen):
            seen[after] = world
            waiting.append(after)
    return seen


def told(seen: dict[World, World | None], world: World | None) -> str:
    """Return how a world came about."""
    path = []
    while world:
        path.append(str(world))
        world = seen[world]
    return "\n".join(reversed(path))


@pytest.mark.timeout(120)
def test_whatever_happens_two_edges_end_on_one_colour(stage: Stage) -> None:
    seen = courses(stage)

    assert len(seen) > 100
    for world in seen:
        if world.step != DEAD:
            continue
        end = stage.at_last(world)
        colors = {stand.active for stand in end.edges}
        assert len(colors) == 1, f"{told(seen, world)}\nends as {end}"
        recorded = {stand.outcome for stand in world.edges}
        assert "done" not in recorded or colors == {"green"}, told(seen, world)
        assert recorded != {"done", "undone"}, told(seen, world)
