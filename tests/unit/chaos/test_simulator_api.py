"""Faults on demand: what a client of a provider then sees, and what was counted."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chaos.simulator.simulator import FORMS, Simulator
from tests.certificates import certificate
from tests.unit.chaos.conftest import HEADERS, HELLO, QUICK, Client

NAMES = list(FORMS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "rate_limited", "retry_after": 3}, 429),
        ({"kind": "status", "status": 503, "retry_after": 2}, 503),
        ({"kind": "status", "status": 529}, 529),
        ({"kind": "policy"}, 400),
        ({"kind": "context"}, 400),
        ({"kind": "content_type"}, 200),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_answers_that_are_no_answers(
    client: Client, name: str, fault: dict[str, Any], status: int, stream: bool
) -> None:
    await client.fault(name, **fault)
    found, body, headers = await client.ask(name, stream=stream)
    assert found == status
    retry = fault.get("retry_after")
    assert headers.get("Retry-After") == (None if retry is None else str(retry))
    assert (headers["Content-Type"].split(";")[0] == "text/html") == (
        fault["kind"] == "content_type"
    )
    assert body


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["reset", "cut"])
async def test_connections_that_end(client: Client, name: str, stream: bool, kind: str) -> None:
    await client.fault(name, kind=kind, after=2)
    with pytest.raises(aiohttp.ClientError):
        await client.ask(name, stream=stream)
    assert client.simulator.providers[name].calls.ends == {kind: 1}


@pytest.mark.parametrize("name", NAMES)
async def test_a_cut_stream_has_as_many_tokens_as_it_was_told(client: Client, name: str) -> None:
    await client.fault(name, kind="cut", after=2)
    document = {"model": "m", "messages": HELLO, "max_tokens": 9, "stream": True}
    got = b""
    url = client.url(name) + FORMS[name]().path
    async with client.session.post(url, json=document, headers=HEADERS[name]) as response:
        with contextlib.suppress(aiohttp.ClientError):
            async for piece in response.content.iter_any():
                got += piece
    token = b'"text_delta"' if name == "anthropic" else b'"content": "'
    assert got.count(token) == 2 + (name != "anthropic")  # the first chunk has an empty one
    assert b"[DONE]" not in got
    assert b"message_stop" not in got


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["malformed", "empty", "error_event"])
async def test_answers_that_are_broken(client: Client, name: str, stream: bool, kind: str) -> None:
    _, good, _ = await client.ask(name, stream=stream)
    await client.fault(name, kind=kind)
    _, bad, _ = await client.ask(name, stream=stream)
    assert bad
    assert len(bad) < len(good)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_huge_answer_is_as_large_as_it_was_told(client: Client, stream: bool) -> None:
    await client.fault("openai", kind="huge", bytes=300_000)
    _, body, _ = await client.ask("openai", stream=stream)
    assert len(body) >= 300_000


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        ({"kind": "timeout"}, False),
        ({"kind": "stall"}, False),
        ({"kind": "stall"}, True),
        ({"kind": "slow_first"}, False),
        ({"kind": "slow_first"}, True),
        ({"kind": "slow_tokens"}, True),
    ],
)
async def test_what_is_slow_takes_its_time(
    client: Client, fault: dict[str, Any], stream: bool
) -> None:
    await client.fault("openai", **fault, seconds=0.3)
    began = time.monotonic()
    with contextlib.suppress(aiohttp.ClientError):
        await client.ask("openai", stream=stream, max_tokens=2)
    assert time.monotonic() - began >= 0.3


async def test_nobody_listens_until_the_fault_is_gone(client: Client) -> None:
    await client.fault("kimi", kind="refuse")
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.ask("kimi")
    assert (await client.ask("openai"))[0] == 200  # the others are there
    assert (await client.control("DELETE", "/faults/kimi"))[0] == 204
    assert (await client.ask("kimi"))[0] == 200


async def test_a_refusal_that_flaps_comes_and_goes(client: Client) -> None:
    await client.fault("kimi", kind="refuse", period=0.3)
    seen = set()
    for _ in range(60):
        try:
            seen.add((await client.ask("kimi"))[0])
        except aiohttp.ClientError:
            seen.add(0)
        await asyncio.sleep(0.02)
    assert seen == {0, 200}


async def test_handshakes_fail_and_nobody_stays_connected(tmp_path: Path) -> None:
    file = certificate(tmp_path / "tls.pem")
    trusted = ssl.create_default_context(cafile=str(file))
    async with (
        Simulator(shape=QUICK, tls=(file, file)) as simulator,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session,
    ):
        client = Client(simulator, session)
        url = client.url("openai").replace("http:", "https:") + "/v1/chat/completions"

        async def ask() -> int:
            body = {"model": "m", "messages": HELLO}
            async with session.post(url, json=body, headers=HEADERS["openai"]) as response:
                return response.status

        assert await ask() == 200
        await client.fault("openai", kind="tls")
        with pytest.raises(aiohttp.ClientError):
            await ask()
        await client.control("DELETE", "/faults")
        assert await ask() == 200


async def test_calls_are_counted_by_model_and_end(client: Client) -> None:
    await client.fault("openai", kind="status", model="large")
    await client.ask("openai", model="large")
    await client.ask("openai", model="small", stream=True)
    await client.ask("openai", messages=[])
    _, calls = await client.control("GET", "/calls")
    assert calls["openai"] == {
        "total": 3,
        "streams": 1,
        "models": {"large": 1, "small": 1},
        "ends": {"bad_request": 1, "ok": 1, "status": 1},
    }
    assert calls["kimi"]["total"] == 0
    await client.control("DELETE", "/calls")
    assert (await client.control("GET", "/calls"))[1]["openai"]["total"] == 0


async def test_a_client_that_goes_away_is_counted(client: Client) -> None:
    await client.fault("openai", kind="timeout")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.ask("openai")
    for _ in range(100):
        if client.simulator.providers["openai"].calls.ends:
            break
        await asyncio.sleep(0.01)
    assert client.simulator.providers["openai"].calls.ends == {"cancelled": 1}


async def test_the_same_seed_says_the_same(client: Client) -> None:
    async def some() -> list[bytes]:
        return [(await client.ask(name, stream=True))[1] for name in NAMES for _ in range(3)]

    first = await some()
    assert len(set(first)) == len(first)
    await client.control("DELETE", "/calls")
    assert await some() == first
    async with Simulator(shape=QUICK, seed=1) as other:
        assert (await Client(other, client.session).ask("openai", stream=True))[1] != first[0]


@pytest.mark.parametrize(
    ("asked", "document", "status", "words"),
    [
        ("PUT /faults/openai", {"faults": [{"kind": "boom"}]}, 400, "kind is 'boom'"),
        ("PUT /faults/openai", {"kind": "cut"}, 400, "faults"),
        ("PUT /faults/openai", {"faults": [{"kind": "tls"}]}, 400, "without TLS"),
        ("PUT /faults/mistral", {"faults": []}, 404, "no provider mistral: openai, anthropic"),
        ("GET /faults/mistral", None, 404, "no provider mistral"),
    ],
)
async def test_what_cannot_be_is_refused(
    client: Client, asked: str, document: Any, status: int, words: str
) -> None:
    method, _, path = asked.partition(" ")
    found, answer = await client.control(method, path, document)
    assert found == status
    assert words in answer["error"]
    assert (await client.control("GET", "/faults"))[1] == {name: [] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
async def test_without_a_key_or_a_question_there_is_no_answer(client: Client, name: str) -> None:
    url = client.url(name) + FORMS[name]().path
    async with client.session.post(url, json={"model": "m", "messages": HELLO}) as response:
        assert response.status == 401
    wrong: dict[str, Any]
    for wrong in ({"messages": []}, {"messages": ["hi"]}, {"messages": "hi"}, {"model": 3}):
        assert (await client.ask(name, **wrong))[0] == 400
    async with client.session.post(url, data=b"{", headers=HEADERS[name]) as response:
        assert response.status == 400


async def test_with_keys_of_its_own_it_takes_no_other() -> None:
    async with (
        Simulator(shape=QUICK, keys=["right", "k"]) as simulator,
        aiohttp.ClientSession() as session,
    ):
        client = Client(simulator, session)
        assert [(await client.ask(name))[0] for name in NAMES] == [200] * 3
        wrong = {"Authorization": "Bearer wrong", "anthropic-version": "1", "x-api-key": "wrong"}
        for name in NAMES:
            url = client.url(name) + FORMS[name]().path
            body = {"model": "m", "messages": HELLO}
            async with session.post(url, json=body, headers=wrong) as response:
                assert response.status == 401
