"""Streams: live and whole, and that nothing broken is ever passed off as whole."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientResponse

from app import routes
from app.llm import streaming
from app.llm.breaker import State
from tests.unit.app.llm.conftest import World
from tests.unit.app.llm.fakes import CUT, DONE, TOKENS, WHOLE, Reply, chunk, raw, said, streamed

WHOLE_MODE = {"X-Dash-Stream": "whole"}


async def read(response: ClientResponse) -> tuple[str, list[dict[str, Any]], bool]:
    """Return the text of a stream, its events, and whether it says that it is whole."""
    events, text, whole = [], "", False
    for block in (await response.text()).split("\n\n"):
        if not block.startswith("data: "):
            continue
        if block == "data: [DONE]":
            whole = True
            continue
        document = json.loads(block.removeprefix("data: "))
        events.append(document)
        for choice in document.get("choices", ()):
            text += choice["delta"].get("content") or ""
    return text, events, whole


def metric(world: World, name: str, **labels: str) -> float:
    """Return what /metrics says of a sample, over the labels that are not named."""
    assert world.client.app is not None
    found = world.client.app[routes.METRICS].registry.collect()
    return sum(
        sample.value
        for family in found
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.mark.parametrize("headers", [{}, WHOLE_MODE], ids=["live", "whole"])
async def test_a_stream_comes_whole_without_what_the_gateway_asked_for(
    world: World, headers: dict[str, str]
) -> None:
    world.first.always = streamed(*WHOLE)

    response = await world.ask(stream=True, headers=headers)

    text, events, whole = await read(response)
    assert (text, len(events), whole) == ("hello", 4, True)
    assert response.content_type == "text/event-stream"
    assert response.headers["x-dash-provider"] == "first"
    assert world.first.asked[0]["stream_options"] == {"include_usage": True}
    (row,) = world.rows
    assert (row["outcome"], row["prompt_tokens"], row["completion_tokens"]) == ("ok", 7, 3)
    assert (row["mode"], row["estimated"]) == ("whole" if headers else "live", False)
    assert 0 < row["first_ms"] <= row["total_ms"]
    count = "dash_llm_first_content_seconds_count"
    assert metric(world, count, model="small") == 1
    assert metric(world, "dash_llm_requests_total", mode=row["mode"]) == 1


@pytest.mark.parametrize("pieces", [WHOLE, [x for x in WHOLE if x != TOKENS]], ids=["yes", "no"])
async def test_who_asks_for_tokens_gets_them_whether_the_provider_counts_or_not(
    world: World, pieces: list[bytes]
) -> None:
    world.first.always = streamed(*pieces)

    response = await world.ask(stream=True, stream_options={"include_usage": True})

    text, events, whole = await read(response)
    assert (text, whole) == ("hello", True)
    assert [e["usage"]["completion_tokens"] > 0 for e in events if e.get("usage")] == [True]
    assert events[-1]["choices"] == []
    assert world.rows[0]["estimated"] is (TOKENS not in pieces)


BEFORE: dict[str, tuple[str, Reply]] = {
    "500": ("server_error", said({}, 500)),
    "JSON instead": ("malformed_answer", said()),
    "HTML": ("malformed_answer", raw(b"<html>", "text/html")),
    "nothing": ("broken_stream", streamed()),
    "only DONE": ("broken_stream", streamed(DONE)),
    "no content": ("broken_stream", streamed(chunk(""), DONE)),
    "no choices": ("broken_stream", streamed(chunk(choices=[]), DONE)),
    "cut": ("broken_stream", streamed(chunk(""), CUT)),
    "malformed": ("broken_stream", streamed(chunk(""), b"data: {nope\n\n")),
    "an error": ("broken_stream", streamed(b'data: {"error": {"message": "x"}}\n\n')),
    "slow": ("broken_stream", streamed(chunk(""), 5.0)),
    "no headers": ("timeout", raw(b"")),
    "endless event": ("broken_stream", streamed(b"data: " + b"x" * 200_000)),
}


async def _silent(_request: Any) -> Any:
    await asyncio.sleep(5)


BEFORE["no headers"] = ("timeout", _silent)


@pytest.mark.parametrize("headers", [{}, WHOLE_MODE], ids=["live", "whole"])
@pytest.mark.parametrize(("kind", "reply"), BEFORE.values(), ids=BEFORE)
async def test_what_fails_before_the_first_content_is_replaced_unseen(
    world: World, kind: str, reply: Reply, headers: dict[str, str]
) -> None:
    world.first.always, world.second.always = reply, streamed(*WHOLE)

    response = await world.ask("both", stream=True, headers=headers)

    assert await read(response) == (
        "hello", [json.loads(x[6:]) for x in WHOLE[:4]], True,
    )  # fmt: skip
    assert world.rows[0]["path"] == [f"first/b-1:{kind}", "second/b-2:ok"]


BEGUN: tuple[bytes | float, ...] = (*WHOLE[:3], 0.1)  # content goes out before what follows comes
PINGS: tuple[bytes | float, ...] = (b": ping\n\n", 0.1)
TRICKLE: tuple[bytes | float, ...] = (0.05, chunk("x"))
AFTER: dict[str, Reply] = {
    "cut": streamed(*BEGUN, CUT),
    "ended": streamed(*BEGUN),
    "ended after its last chunk": streamed(*WHOLE[:5]),
    "done too soon": streamed(*BEGUN, DONE),
    "stalled": streamed(*BEGUN, 5.0),
    "kept alive alone": streamed(*BEGUN, *(PINGS * 8)),
    "malformed": streamed(*BEGUN, b"data: nope\n\n", DONE),
    "no object": streamed(*BEGUN, b"data: []\n\n", DONE),
    "an error": streamed(*BEGUN, b'data: {"error": {"message": "x"}}\n\n', DONE),
    "half an event": streamed(*BEGUN, b'data: {"id"'),
    "too much": streamed(*BEGUN, *([chunk("x" * 1000)] * 120), *WHOLE[3:]),
}


@pytest.mark.parametrize("reply", AFTER.values(), ids=AFTER)
async def test_a_live_stream_that_breaks_ends_with_an_error_and_never_with_done(
    world: World, reply: Reply
) -> None:
    world.first.always, world.second.always = reply, streamed(*WHOLE)

    response = await world.ask("both", stream=True)

    text, events, whole = await read(response)
    assert (text[:5], whole) == ("hello", False)
    assert events[-1]["error"]["code"] == "provider_broken_stream"
    assert world.second.asked == []
    assert world.rows[0]["outcome"] == "broken_stream"
    assert world.gateway.gates["first"].taken == 0


@pytest.mark.parametrize("reply", AFTER.values(), ids=AFTER)
async def test_a_whole_stream_is_taken_from_the_next_when_one_breaks(
    world: World, reply: Reply
) -> None:
    world.first.always, world.second.always = reply, streamed(*WHOLE)

    response = await world.ask("both", stream=True, headers=WHOLE_MODE)

    text, events, whole = await read(response)
    assert (text, len(events), whole) == ("hello", 4, True)
    assert world.rows[0]["path"] == ["first/b-1:broken_stream", "second/b-2:ok"]


async def test_who_waits_for_a_whole_stream_gets_comments_meanwhile(world: World) -> None:
    world.first.always = streamed(*WHOLE[:2], 0.2, *WHOLE[2:])

    text = await (await world.ask(stream=True, headers=WHOLE_MODE)).text()

    assert 2 <= text.count(": keep-alive\n\n") <= 5
    assert text.index("hel") > text.rindex(": keep-alive")
    assert text.endswith("data: [DONE]\n\n")


async def test_a_whole_stream_that_cannot_be_had_ends_with_an_error(world: World) -> None:
    world.first.always = streamed(*WHOLE[:3], 0.1, CUT)

    text, events, whole = await read(await world.ask(stream=True, headers=WHOLE_MODE))

    assert (text, whole) == ("", False)
    assert events[0]["error"]["code"] == "provider_broken_stream"


async def test_an_unknown_mode_is_refused(world: World) -> None:
    response = await world.ask(stream=True, headers={"X-Dash-Stream": "half"})
    assert await world.problem(response) == (400, "invalid_request_error", "invalid")


@pytest.mark.parametrize("headers", [{}, WHOLE_MODE], ids=["live", "whole"])
async def test_who_hangs_up_in_the_middle_takes_the_call_with_it(
    world: World, headers: dict[str, str]
) -> None:
    world.first.always = streamed(*WHOLE[:2], *(TRICKLE * 100))

    response = await world.ask(stream=True, headers=headers)
    await response.content.readany()
    response.close()
    await asyncio.sleep(0.6)

    assert world.first.cancelled == 1
    assert world.rows[0]["outcome"] == "cancelled"
    assert world.gateway.gates["first"].taken == 0
    assert world.breaker("first/s-1").state is State.CLOSED


async def test_who_reads_nothing_is_hung_up_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "WRITE_SECONDS", 0.2)
    object.__setattr__(world.gateway.catalog.providers["first"], "max_answer", 10**9)
    world.first.always = streamed(*WHOLE[:2], *([chunk("x" * 60_000)] * 400), *WHOLE[2:])

    response = await world.ask(stream=True)
    await asyncio.sleep(0.8)

    assert world.rows[0]["outcome"] == "cancelled"
    response.close()


async def test_a_broken_stream_is_counted_by_its_breaker(world: World) -> None:
    world.first.always = streamed(*WHOLE[:3], CUT)
    for _ in range(5):
        await (await world.ask(stream=True)).read()

    assert (await world.ask(stream=True)).status == 503
    assert len(world.first.asked) == 5


async def test_many_streams_at_once_all_come_whole(world: World) -> None:
    world.second.always = streamed(*WHOLE[:3], 0.2, *WHOLE[3:])

    async def one() -> tuple[str, bool]:
        text, _, whole = await read(await world.ask("large", stream=True))
        return text, whole

    assert set(await asyncio.gather(*(one() for _ in range(200)))) == {("hello", True)}


async def test_a_stream_may_be_asked_for_again_by_its_idempotency_key(world: World) -> None:
    world.first.replies = [streamed(*WHOLE)]
    headers = {"Idempotency-Key": "s1"}

    first = await (await world.ask(stream=True, headers=headers)).text()
    again = await world.ask(stream=True, headers=headers)

    assert (again.content_type, await again.text()) == ("text/event-stream", first)
    assert len(world.first.asked) == 1
