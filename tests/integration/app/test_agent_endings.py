"""How connections of agents are refused, and how they end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.integration.app.agents import PROTOCOL, Agent, url
from tests.integration.app.test_agents import MAY
from tests.integration.service import App, Serving

SHORT = {
    "agent_heartbeat_seconds": 1,
    "agent_idle_seconds": 3,
    "agent_slow_seconds": 1,
    "agent_rate": 5,
    "agent_message_bytes": 65_536,
    "agent_inbox": 200,
    "agent_sockets_per_user": 3,
}


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return a key that may connect agents."""
    return app.key(permissions=MAY)


@pytest.fixture(name="short")
def _short(app: App) -> Any:
    """Return a process that waits for nothing long."""
    with app.serve(**SHORT) as serving:
        yield serving.ready()


async def refusal(serving: Serving, headers: dict[str, str], *protocols: str) -> tuple[int, str]:
    """Return status and code of a handshake that is refused."""
    async with aiohttp.ClientSession() as session:
        said = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            **({"Sec-WebSocket-Protocol": ", ".join(protocols)} if protocols else {}),
            **headers,
        }
        async with session.get(url(serving), headers=said) as answer:
            return answer.status, (await answer.json())["error"]["code"]


async def test_what_may_not_connect_gets_an_ordinary_error(
    app: App, service: Serving, key: str
) -> None:
    may = {"Authorization": f"Bearer {key}"}
    assert await refusal(service, {}, PROTOCOL) == (401, "unauthorized")
    assert await refusal(service, {"Authorization": "Bearer x"}, PROTOCOL) == (401, "unauthorized")
    assert await refusal(service, may) == (400, "subprotocol")
    assert await refusal(service, may, "dash.v2", "chat") == (400, "subprotocol")
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{service.port + 1}"):
        foreign = {**may, "Origin": origin}
        assert await refusal(service, foreign, PROTOCOL) == (403, "cross_site")
    app.database.query("UPDATE api_keys SET permissions = '[]'")
    app.database.query("SELECT pg_notify('api_keys', public_id) FROM api_keys")
    await asyncio.sleep(0.5)
    assert await refusal(service, may, PROTOCOL) == (403, "forbidden")


async def test_too_many_sockets_of_a_user_are_refused(short: Serving, key: str) -> None:
    agents = [Agent(f"a{n}", key) for n in range(3)]
    for agent in agents:
        await agent.connect(short)
    may = {"Authorization": f"Bearer {key}"}
    assert await refusal(short, may, PROTOCOL) == (429, "too_many_sockets")
    await agents[0].leave()
    await asyncio.sleep(0.2)
    await agents[0].connect(short)
    for agent in agents:
        await agent.leave()


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("{", 1007, "malformed"),
        ("[]", 1007, "malformed"),
        ('{"type":"nonsense"}', 1007, "malformed"),
        ('{"type":"ack","seq":0,"more":1}', 1007, "malformed"),
        ('{"type":"task","seq":"1","to":"a","task_id":"t","body":{}}', 1007, "malformed"),
        ('{"type":"task","seq":1,"to":"a","task_id":"t","body":{"n":NaN}}', 1007, "malformed"),
        ('{"type":"task","seq":2,"to":"a","task_id":"t","body":{}}', 1008, "gap"),
        ('{"type":"ack","seq":1}', 1008, "gap"),
        ('{"type":"register","name":"a"}', 1008, "register"),
        (json.dumps({"type": "heartbeat", "t": "x" * 65_536}), 1009, "too_big"),
        (b"{}", 1003, "binary"),
    ],
)
async def test_a_wrong_message_ends_the_connection_with_its_word(
    service: Serving, key: str, text: str | bytes, code: int, word: str
) -> None:
    async with Agent("a", key) as agent:
        await agent.connect(service)
        assert agent.socket is not None
        send: Callable[[Any], Any] = (
            agent.socket.send_bytes if isinstance(text, bytes) else agent.socket.send_str
        )
        await send(text)
        assert await agent.ended() == (code, word)
        await agent.connect(service)
        assert agent.closed is None


async def test_what_was_sent_before_a_wrong_message_is_kept(service: Serving, key: str) -> None:
    async with Agent("a", key) as agent:
        await agent.connect(service)
        for _ in range(30):
            await agent.task("a")
        await agent.send("nonsense")
        assert await agent.ended() == (1007, "malformed")
        await agent.connect(service)
        assert agent.welcome["received"] == 30
        await agent.until(lambda: agent.seen == 30)


async def test_refusals_are_said_and_remembered(short: Serving, key: str) -> None:
    async with Agent("a", key) as agent, Agent("sink", key) as sink:
        await agent.connect(short)
        await sink.connect(short)
        await sink.leave()
        await agent.task("nobody")
        await agent.until(lambda: bool(agent.last("refused")))
        assert agent.last("refused")[0]["code"] == "no_such_agent"
        await agent.connect(short)
        assert agent.welcome["refused"] == [{"seq": 1, "code": "no_such_agent"}]
        again = {"seq": 1, "to": "sink", "task_id": "t", "body": {}}
        agent.unsent[1] = again
        await agent.send("task", **again)
        await agent.until(lambda: len(agent.last("refused")) == 2)
        assert agent.last("refused")[1]["code"] == "no_such_agent"


async def test_a_flood_ends_and_a_socket_that_says_nothing_too(short: Serving, key: str) -> None:
    async with Agent("a", key) as agent, Agent("quiet", key) as quiet:
        await agent.connect(short)
        await quiet.connect(short)
        for number in range(60):  # five a second over ten seconds are allowed
            await agent.send("heartbeat", t=number)
        assert await agent.ended() == (1008, "flood")
        assert await quiet.ended(8) == (4008, "idle")


async def test_a_socket_that_does_not_register_is_ended(service: Serving, key: str) -> None:
    async with Agent("a", key) as agent:
        await agent.open(service)
        assert await agent.ended(13) == (1008, "register")


def raw(serving: Serving, key: str, name: str) -> socket.socket:
    """Return a bare connection that registered, with a small buffer, and reads nothing more."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", serving.port))
    made.sendall(
        (
            f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Protocol: {PROTOCOL}\r\nAuthorization: Bearer {key}\r\n\r\n"
        ).encode()
    )
    assert b" 101 " in made.recv(4096)
    text = json.dumps({"type": "register", "name": name}).encode()
    made.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)  # a mask of zeros
    assert b"registered" in made.recv(4096)
    return made


@pytest.fixture(name="patient")
def _patient(app: App) -> Any:
    """Return a process that pings late: a slow reader is found by what it does not read."""
    with app.serve(agent_slow_seconds=1, agent_inbox=200) as serving:
        yield serving.ready()


async def test_a_slow_reader_is_ended_and_others_do_not_notice(patient: Serving, key: str) -> None:
    async with Agent("a", key) as agent, Agent("b", key) as other:
        await agent.connect(patient)
        await other.connect(patient)
        with raw(patient, key, "slow"):
            for _ in range(200):
                await agent.task("slow", fat="x" * 60_000)
            await agent.settled()
            end = time.monotonic() + 15
            while not [x for x in patient.events("agents.closed") if x["word"] == "slow"]:
                assert time.monotonic() < end
                started, seen = time.monotonic(), agent.seen
                await other.task("a")
                await agent.reaches(seen + 1)
                assert time.monotonic() - started < 0.5
                await asyncio.sleep(0.5)
        assert patient.metric('dash_agent_closes_total{word="slow"}') == 1
        assert (agent.closed, other.closed) == (None, None)


def test_the_connection_stays_until_the_peer_has_read_why_it_ends(
    service: Serving, key: str
) -> None:
    """It talks on meanwhile: cut off then, the connection is reset and the reason may be lost."""
    with raw(service, key, "late") as made:
        made.settimeout(0.5)
        service.stop(signal.SIGUSR1)
        heard = b""
        while b"restart" not in heard:
            heard += made.recv(4096)
        for _ in range(3):
            beat = json.dumps({"type": "heartbeat"}).encode()
            made.sendall(bytes([0x81, 0x80 | len(beat), 0, 0, 0, 0]) + beat)
            with pytest.raises(TimeoutError):
                made.recv(4096)
        made.sendall(bytes([0x88, 0x82, 0, 0, 0, 0]) + (1012).to_bytes(2))
        made.settimeout(3)
        assert made.recv(4096) == b""


async def test_a_half_open_peer_is_found_by_pings(short: Serving, key: str) -> None:
    with raw(short, key, "half"):  # never answers a ping
        await asyncio.sleep(2.5)  # a second until the ping, half a second for the answer
        assert [x["word"] for x in short.events("agents.closed")] == ["lost"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("UPDATE api_keys SET is_active = false", "revoked"),
        ("UPDATE users SET is_active = false", "revoked"),
        ("DELETE FROM api_keys", "revoked"),
        ("UPDATE api_keys SET permissions = '[]'", "forbidden"),
        ("UPDATE users SET role = 'viewer'", "forbidden"),
        ("UPDATE api_keys SET expires_at = now() + interval '1.5 s'", "expired"),
    ],
)
async def test_a_key_that_counts_no_more_ends_the_connection_within_a_second(
    app: App, service: Serving, key: str, change: str, word: str
) -> None:
    async with Agent("a", key) as agent:
        await agent.connect(service)
        app.database.query(change)
        app.database.query("SELECT pg_notify('api_keys', %s)", key.split("_")[1])
        changed = time.monotonic() + (1.5 if word == "expired" else 0)
        assert await agent.ended() == (4003, word)
        assert time.monotonic() - changed < 1.2
