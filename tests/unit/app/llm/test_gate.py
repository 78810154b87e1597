"""Places at a provider: in order, bounded, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from app.llm.failures import Failure, Kind
from app.llm.gate import Gate


async def test_places_are_taken_in_order_and_given_on() -> None:
    gate, order = Gate(2, 5, 1), []

    async def work(number: int) -> None:
        await gate.enter()
        order.append(number)
        await asyncio.sleep(0.01)
        gate.leave()

    await asyncio.gather(*(work(n) for n in range(7)))
    assert (order, gate.taken, gate.queued) == (list(range(7)), 0, 0)


async def test_who_finds_no_room_even_to_wait_is_told_when_to_come_back() -> None:
    gate = Gate(1, 1, 3)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    with pytest.raises(Failure) as caught:
        await gate.enter()
    assert (caught.value.kind, caught.value.retry_after) == (Kind.FULL, 3)
    gate.leave()
    await waiting
    assert gate.taken == 1


async def test_who_waits_too_long_is_told_so_and_takes_no_place() -> None:
    gate = Gate(1, 5, 0.02)
    await gate.enter()
    with pytest.raises(Failure):
        await gate.enter()
    assert (gate.taken, gate.queued) == (1, 0)
    gate.leave()
    assert gate.taken == 0


async def test_a_place_that_comes_at_the_moment_of_giving_up_goes_on_to_the_next() -> None:
    gate = Gate(1, 5, 1)
    await gate.enter()
    first, second = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave()
    first.cancel()
    await asyncio.wait({first, second})
    assert (first.cancelled(), second.result(), gate.taken) == (True, None, 1)
