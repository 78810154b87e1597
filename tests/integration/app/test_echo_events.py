"""The stream that releases prove themselves with: counts, ends, and outlives a drain."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from tests.integration.service import App, Serving

PATH = "/v1/echo/events"


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return a key without a permission: none is needed."""
    return app.key()


async def stream(serving: Serving, key: str, asked: str) -> list[tuple[float, str]]:
    """Return the lines of a stream, each with the seconds after which it came."""
    began, said = time.monotonic(), {"Authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{serving.port}{PATH}?{asked}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=said) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        return [
            (time.monotonic() - began, line.decode().rstrip("\n")) async for line in answer.content
        ]


def counted(many: int) -> list[str]:
    """Return what a stream to a number says, line by line."""
    numbers = [x for n in range(1, many + 1) for x in (f"id: {n}", f'data: {{"n": {n}}}', "")]
    return [*numbers, "event: done", f'data: {{"n": {many}}}', ""]


async def test_it_counts_at_its_pace_and_says_that_it_is_done(service: Serving, key: str) -> None:
    lines = await stream(service, key, "count=5&every_ms=300")
    assert [line for _, line in lines] == counted(5)
    came = {line: at for at, line in lines}
    assert came["id: 2"] - came["id: 1"] > 0.2  # as it counts, not at its end
    assert 1.2 <= lines[-1][0] < 4
    assert [line for _, line in await stream(service, key, "every_ms=20")] == counted(10)


@pytest.mark.parametrize("asked", ["count=0", "count=601", "every_ms=19", "every_ms=5001", "x=1"])
async def test_what_is_out_of_bounds_is_refused(service: Serving, key: str, asked: str) -> None:
    answer = await asyncio.to_thread(service.ask, f"{PATH}?{asked}", key=key)
    assert (answer.status, answer.document["error"]["code"]) == (422, "invalid")


async def test_it_is_for_those_with_a_key(service: Serving) -> None:
    assert (await asyncio.to_thread(service.ask, PATH)).status == 401


async def test_it_ends_as_it_would_have_while_its_process_drains(
    service: Serving, key: str
) -> None:
    running = asyncio.create_task(stream(service, key, "count=30&every_ms=100"))
    await asyncio.sleep(0.7)
    assert not running.done()
    service.stop()
    assert [line for _, line in await running] == counted(30)
    assert await asyncio.to_thread(service.ended) == 0
    assert not service.events("serve.cut_off")
