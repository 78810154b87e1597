"""What ends by time or by number: old messages, full processes, rotated keys, spent sessions."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.app.agents import PROTOCOL, Agent
from tests.integration.app.browser import Browser, sign_up
from tests.integration.app.test_agent_endings import raw, refusal
from tests.integration.app.test_agent_sessions import headers
from tests.integration.app.test_agents import MAY
from tests.integration.service import App, Serving, until

ROTATE = (*MAY, "keys:read", "keys:write")


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return a key that may connect agents."""
    return app.key(permissions=MAY)


@pytest.fixture(name="other")
def _other(app: App) -> str:
    """Return a key of another user."""
    return app.key("bob@example.org", permissions=MAY)


async def test_what_is_too_old_is_counted_and_its_numbers_do_not_come(
    app: App, service: Serving, key: str
) -> None:
    old = "UPDATE agent_messages SET at = at - interval '23 h 59 min' WHERE seq <= 4"
    rows = "SELECT seq FROM agent_messages ORDER BY seq"
    async with Agent("ann", key) as ann, Agent("bob", key) as bob:
        await bob.connect(service)
        await ann.connect(service)
        await ann.task("bob")
        await bob.reaches(1)
        await bob.leave()
        for number in range(2, 7):
            await ann.task("bob", number=number)
        await ann.settled()
        app.database.query(old)
        with app.serve() as other:  # clears up once it begins
            other.ready()
            await asyncio.sleep(2)
        assert app.database.query(rows) == [(n,) for n in range(1, 7)]  # not yet a day
        app.database.query("UPDATE agent_messages SET at = at - interval '1 min' WHERE seq <= 4")
        with app.serve() as other:
            other.ready()
            await asyncio.to_thread(until, lambda: app.database.query(rows) == [(5,), (6,)])
            assert other.metric("dash_agent_messages_expired_total") == 4
        assert bob.seen == 1
        await bob.connect(service)
        assert (bob.welcome["expired"], bob.welcome["acked"], bob.welcome["sent"]) == (4, 4, 6)
        await bob.reaches(6)
        assert [m["body"].get("number") for m in bob.got] == [None, 5, 6]
        await ann.task("bob")
        await bob.reaches(7)


async def test_a_full_process_takes_no_more_and_goes_on_with_those_it_has(
    app: App, key: str, other: str
) -> None:
    may = {"Authorization": f"Bearer {other}"}
    with app.serve(agent_sockets=2) as serving:
        serving.ready()
        async with Agent("ann", key) as ann, Agent("eve", key) as eve:
            await ann.connect(serving)
            await eve.open(serving)  # counts before it registers
            assert await refusal(serving, may, PROTOCOL) == (503, "busy")
            await ann.task("ann")
            await ann.reaches(1)
            await eve.leave()
            async with Agent("bob", headers=may) as bob:
                await asyncio.to_thread(until, lambda: serving.metric("dash_agents_connected") == 1)
                await bob.connect(serving)
                assert bob.closed is None


async def test_a_user_with_too_many_sockets_hinders_nobody_else(
    app: App, key: str, other: str
) -> None:
    again = await asyncio.to_thread(app.key, permissions=MAY)
    with app.serve(agent_sockets_per_user=1) as serving:
        serving.ready()
        async with Agent("ann", key) as ann, Agent("ann", other) as bob:
            await ann.connect(serving)
            second = {"Authorization": f"Bearer {again}"}  # the user counts
            assert await refusal(serving, second, PROTOCOL) == (429, "too_many_sockets")
            await bob.connect(serving)
            assert (ann.closed, bob.closed) == (None, None)


async def test_a_rotated_key_ends_its_connection_in_time_and_the_new_one_goes_on(
    app: App, service: Serving
) -> None:
    key = await asyncio.to_thread(app.key, permissions=ROTATE)
    async with Agent("ann", key) as ann:
        await ann.connect(service)
        await ann.task("ann")
        await ann.reaches(1)
        path, body = f"/v1/keys/{key.split('_')[1]}/rotate", json.dumps({"overlap_seconds": 3})
        said = {"Content-Type": "application/json"}
        rotated = time.monotonic()
        made = service.ask(path, key=key, method="POST", body=body.encode(), headers=said)
        assert made.status == 201
        await ann.task("ann")  # the overlap is for this
        await ann.reaches(2)
        assert await ann.ended() == (4003, "expired")
        assert 2.5 < time.monotonic() - rotated < 4.5
        old = {"Authorization": f"Bearer {key}"}
        assert await refusal(service, old, PROTOCOL) == (401, "unauthorized")
        ann.headers = {"Authorization": f"Bearer {made.document['key']}"}
        await ann.connect(service)
        assert (ann.closed, ann.welcome["received"], ann.welcome["sent"]) == (None, 2, 2)
        await ann.task("ann")
        await ann.reaches(3)


async def test_a_session_that_is_not_used_for_long_ends_its_socket(app: App) -> None:
    with app.serve(sign_up=True, session_idle_seconds=3) as serving:
        assert sign_up(serving.ready()).status == 201
        ann = Browser(serving)
        assert ann.sign_in().status == 201
        began = time.monotonic()
        own = f"http://127.0.0.1:{serving.port}"
        async with Agent("page", headers=headers(ann, own)) as agent:
            await agent.connect(serving)
            assert await agent.ended() == (4003, "expired")
            assert 1.5 < time.monotonic() - began < 5


async def test_keys_are_looked_at_while_nobody_can_listen(
    app: App, service: Serving, key: str
) -> None:
    name = app.database.name
    listening = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND query LIKE 'LISTEN%%'"
    async with Agent("ann", key) as ann:
        await ann.connect(service)
        app.database.query(f'ALTER DATABASE "{name}" CONNECTION LIMIT 1')
        found = app.database.query(listening, name)
        assert len(found) == 1
        app.database.query("SELECT pg_terminate_backend(%s)", found[0][0])
        await asyncio.to_thread(until, lambda: service.events("auth.listener_lost"))
        await asyncio.sleep(1.5)
        assert (app.database.query(listening, name), ann.closed) == ([], None)
        await ann.task("ann")
        await ann.reaches(1)
        app.database.query("UPDATE api_keys SET is_active = false")  # and nobody is told
        changed = time.monotonic()
        assert await ann.ended() == (4003, "revoked")
        assert time.monotonic() - changed < 2.2
        assert len(service.events("auth.listening")) == 1


@pytest.mark.parametrize("year", [1970, 2099])
async def test_an_agents_clock_changes_nothing(app: App, key: str, year: int) -> None:
    """What it says the time is comes back, and counts neither for its life nor for messages'."""
    with app.serve(agent_idle_seconds=3, agent_heartbeat_seconds=1) as serving:
        serving.ready()
        async with Agent("ann", key) as ann:
            await ann.connect(serving)
            skewed = [f"{year}-01-01T00:00:00Z", datetime(year, 1, 1, tzinfo=UTC).timestamp()]
            for n in range(5):  # longer than it may be silent
                await ann.send("heartbeat", t=skewed[n % 2])
                await asyncio.sleep(0.8)
            assert [f["t"] for f in ann.last("heartbeat")] == [*skewed, *skewed, skewed[0]]
            await ann.task("ann", at=skewed[0])
            await ann.reaches(1)
            now = datetime.now(UTC)
            for at in (ann.got[0]["at"], ann.last("heartbeat")[-1]["at"]):
                assert abs(datetime.fromisoformat(at) - now) < timedelta(seconds=10)
            silent = time.monotonic()
            assert await ann.ended() == (4008, "idle")
            assert 2 < time.monotonic() - silent < 6
            await ann.connect(serving)
            assert await _with_a_time(ann) == (1007, "malformed")


async def _with_a_time(agent: Agent) -> tuple[int | None, str]:
    """Send a task that says itself when it was made."""
    at = "1970-01-01T00:00:00Z"
    await agent.send("task", seq=2, to="ann", task_id="t", body={}, at=at)
    return await agent.ended()


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        (b"\x83\x80\0\0\0\0", 1002, b"protocol: "),  # a kind of frame that there is not
        (b"\xc1\x80\0\0\0\0", 1002, b"protocol: "),  # compressed, which was not agreed
        (b"\x81\x82\0\0\0\0\xc3\x28", 1007, b"malformed: "),  # no UTF-8
    ],
)
async def test_what_is_no_websocket_is_told_so(
    service: Serving, key: str, frame: bytes, code: int, reason: bytes
) -> None:
    def ended() -> bytes:
        with raw(service, key, "odd") as made:
            made.sendall(frame)
            made.settimeout(5)
            return made.recv(4096)

    close = await asyncio.to_thread(ended)
    assert close[0] == 0x88
    assert int.from_bytes(close[2:4]) == code
    assert close[4:].startswith(reason)
    line = f'dash_agent_closes_total{{word="{reason[:-2].decode()}"}}'
    await asyncio.to_thread(until, lambda: service.metric(line) == 1)
