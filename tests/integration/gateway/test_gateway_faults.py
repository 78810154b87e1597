"""Each fault of the simulator, alone and in pairs: what clients see is what the table says."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from app.llm.breaker import Snapshot, State
from app.settings import Settings
from chaos.simulator.faults import Fault, Kind
from tests.integration.gateway.faulty import FAULTS, MODES, Faulty, faulty, single_models, table
from tests.unit.app.conftest import FakeDatabase

TABLE = Path(__file__).resolve().parents[3] / "docs/reference/llm.md"
# Where the caller is to blame, or a stream that began cannot be taken back, nobody stands in.
FINAL = {"policy", "context"}
BEGUN = {"slow_tokens", "cut", "stall", "malformed", "error_event"}
FAILED = {400, 429, 503, 504}


async def test_each_fault_is_answered_as_the_table_says(
    settings: Settings, database: FakeDatabase, tmp_path: Path
) -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    wrong = dict.fromkeys(FAULTS, "")
    for at_once in (30, 3):  # limits are short here: what a busy machine breaks is tried again
        async with faulty(settings, database, tmp_path, single_models()) as world:
            rows = await table(world, wrong, at_once)
        wrong = {fault: row for fault, row in rows.items() if row not in lines}
        if not wrong:
            return
    words = "docs/reference/llm.md has not these rows:\n" + "\n".join(wrong.values())
    raise AssertionError(words)


async def pair(world: Faulty, first: str, second: str) -> dict[str, str]:
    """Ask models with two deployments, each with a fault of its own; what is seen by mode."""
    await world.fault("openai", *([FAULTS[first]] if first else []))
    await world.fault("anthropic", *([FAULTS[second]] if second else []))
    for breaker in world.breakers():
        breaker.adopt(Snapshot(state=State.FORCED))  # a change forgets what was
        breaker.adopt(Snapshot(state=State.CLOSED))
    seen = await asyncio.gather(*(world.ask(f"two-{mode}", mode) for mode in MODES))
    for each in seen:
        assert each.whole or each.status in {200, *FAILED}
        if each.status in {429, 503, 504}:
            assert each.retry_after is not None
            assert int(each.retry_after) >= 1
    return {m: "whole" if s.whole else s.code for m, s in zip(MODES, seen, strict=True)}


def expected(first: str, mode: str) -> bool:
    """Tell whether a client gets an answer although its first provider has a fault."""
    return first not in FINAL and not (mode == "live" and first in BEGUN)


async def test_another_provider_answers_while_one_has_a_fault(
    settings: Settings, database: FakeDatabase, tmp_path: Path
) -> None:
    async with faulty(settings, database, tmp_path, TWO) as world:
        for first in FAULTS:
            for mode, seen in (await pair(world, first, "")).items():
                assert (seen == "whole") == expected(first, mode), (first, mode, seen)


TWO = [(f"two-{mode}", ["openai", "anthropic"]) for mode in MODES]
PAIRS = list(itertools.product(FAULTS, FAULTS))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", FAULTS)
async def test_two_faults_at_once_end_in_one_clear_error(
    settings: Settings, database: FakeDatabase, tmp_path: Path, first: str
) -> None:
    async with faulty(settings, database, tmp_path, TWO) as world:
        for second in FAULTS:
            assert "whole" not in (await pair(world, first, second)).values(), second


@pytest.mark.parametrize(("first", "second"), PAIRS[7 :: len(FAULTS) * 2 + 5])
async def test_some_two_faults_at_once_end_in_one_clear_error(
    settings: Settings, database: FakeDatabase, tmp_path: Path, first: str, second: str
) -> None:
    async with faulty(settings, database, tmp_path, TWO) as world:
        assert "whole" not in (await pair(world, first, second)).values()


async def test_an_outage_costs_five_calls_and_those_under_way(
    settings: Settings, database: FakeDatabase, tmp_path: Path
) -> None:
    async with faulty(settings, database, tmp_path, [("one", ["openai"])]) as world:
        await world.fault("openai", Fault(kind=Kind.STATUS))
        for _ in range(20):
            assert (await world.ask("one", "json")).status == 503
        assert world.calls("openai", "one") == 5
        seen = await asyncio.gather(*(world.ask("one", "live") for _ in range(50)))
        assert {(x.status, x.code) for x in seen} == {(503, "provider_breaker_open")}
        assert world.calls("openai", "one") == 5


async def test_with_every_provider_down_there_is_one_clear_error(
    settings: Settings, database: FakeDatabase, tmp_path: Path
) -> None:
    every = [("all", ["openai", "anthropic", "kimi"])]
    async with faulty(settings, database, tmp_path, every) as world:
        await world.fault("openai", Fault(kind=Kind.REFUSE))
        await world.fault("anthropic", Fault(kind=Kind.STATUS, status=529))
        await world.fault("kimi", Fault(kind=Kind.RATE_LIMITED, retry_after=9))
        seen = [await world.ask("all", mode) for mode in MODES]
        assert str(seen[0]) == "503 provider_connection, Retry-After 9"
        assert {x.status for x in seen} <= {429, 503}  # later ones find breakers open
        assert all(x.retry_after is not None for x in seen)


async def test_a_model_that_is_out_leaves_the_providers_others_alone(
    settings: Settings, database: FakeDatabase, tmp_path: Path
) -> None:
    models = [("large", ["openai"]), ("small", ["openai"])]
    async with faulty(settings, database, tmp_path, models) as world:
        await world.fault("openai", Fault(kind=Kind.STATUS, model="large"))
        for _ in range(8):
            assert (await world.ask("large", "json")).status == 503
            assert (await world.ask("small", "json")).whole


@pytest.mark.parametrize("mode", MODES)
async def test_a_provider_that_comes_and_goes_is_stood_in_for(
    settings: Settings, database: FakeDatabase, tmp_path: Path, mode: str
) -> None:
    two = [("two", ["openai", "kimi"])]
    async with faulty(settings, database, tmp_path, two) as world:
        await world.fault("openai", Fault(kind=Kind.RESET, period=0.15))
        ends = [await world.ask("two", mode) for _ in range(40)]
        assert all(seen.whole for seen in ends)
        assert world.calls("openai", "two") > 0
        assert world.calls("kimi", "two") > 0


async def test_a_share_of_calls_that_fail_is_tried_again(
    settings: Settings, database: FakeDatabase, tmp_path: Path
) -> None:
    async with faulty(settings, database, tmp_path, [("two", ["openai", "kimi"])]) as world:
        await world.fault("openai", Fault(kind=Kind.STATUS, share=0.1))
        await world.fault("kimi", Fault(kind=Kind.RESET, share=0.1))
        ends = [await world.ask("two", "json") for _ in range(30)]
        assert all(seen.whole for seen in ends)
