"""The hub's book of who is here: nobody stays connected in it who left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from app.agents.hub import RENEW_SECONDS, Hub
from app.metrics import Metrics
from app.settings import Settings

Pair = tuple[UUID, int]


class Book:
    """The rows of agents, as far as a hub writes them. `meanwhile` happens while it renews."""

    def __init__(self) -> None:
        self.here: set[Pair] = set()
        self.meanwhile: Callable[[], None] = lambda: None

    async def renew(self, _color: str, held: Sequence[Pair]) -> None:
        """Claim all that is said to be held."""
        self.meanwhile()
        self.here |= set(held)

    async def note(self, _noted: object, left: Sequence[Pair]) -> None:
        """Write who left."""
        self.here -= set(left)

    async def expire(self) -> int:
        """Find nothing old."""
        return 0


@pytest.fixture(name="hub")
def _hub(settings: Settings) -> Hub:
    """Return a hub with one agent, and a book instead of a database."""
    hub = Hub(cast("Any", None), settings, Metrics("1", "blue"))
    hub.service = cast("Any", Book())
    agent = SimpleNamespace(id=uuid4())
    connection = SimpleNamespace(registered=SimpleNamespace(agent=agent, generation=3))
    hub.roll.by_agent[agent.id] = cast("Any", connection)
    return hub


async def test_an_agent_that_others_took_for_gone_is_claimed_by_every_renewal(hub: Hub) -> None:
    book = cast("Book", hub.service)
    for now in (RENEW_SECONDS, 3 * RENEW_SECONDS):
        await hub._renew(now)
        assert book.here == set(hub.roll.held())
        book.here.clear()


async def test_an_agent_that_leaves_while_it_is_claimed_is_gone_all_the_same(hub: Hub) -> None:
    book = cast("Book", hub.service)
    book.meanwhile = hub.roll.by_agent.clear
    await hub._renew(RENEW_SECONDS)
    assert len(book.here) == 1  # it was claimed
    await hub._flush()
    assert book.here == set()
