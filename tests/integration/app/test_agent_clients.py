"""Another library's client: what is agreed is WebSocket, not what aiohttp makes of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.integration.app.agents import PROTOCOL, Agent, url
from tests.integration.app.test_agents import MAY
from tests.integration.service import App, Serving, until


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return a key that may connect agents."""
    return app.key(permissions=MAY)


def dial(serving: Serving, key: str, protocol: str = PROTOCOL) -> connect:
    """Return a connection of the library `websockets` that is to be made."""
    return connect(
        url(serving).replace("http:", "ws:"),
        subprotocols=[Subprotocol(protocol)],
        additional_headers={"Authorization": f"Bearer {key}"},
        proxy=None,
    )


async def say(socket: ClientConnection, type: str, **fields: Any) -> None:  # noqa: A002 -- the protocol's name
    """Send a message."""
    await socket.send(json.dumps({"type": type, **fields}))


async def hear(socket: ClientConnection, kind: str) -> Any:
    """Return the next message of one type."""
    while True:
        frame = json.loads(await socket.recv())
        if frame["type"] == kind:
            return frame


async def test_the_library_websockets_connects_resumes_and_is_told_why_it_ends(
    service: Serving, key: str
) -> None:
    async with Agent("ann", key) as ann:
        await ann.connect(service)
        async with dial(service, key) as socket:
            assert socket.subprotocol == PROTOCOL
            assert not socket.protocol.extensions  # it offers compression, and gets none
            await say(socket, "register", name="web")
            first = await hear(socket, "registered")
            await (await socket.ping())
            await say(socket, "task", seq=1, to="ann", task_id="t", body={"é": "\0"})
            assert (await hear(socket, "accepted"))["seq"] == 1
            await ann.reaches(1)
            assert (ann.got[0]["from"], ann.got[0]["body"]) == ("web", {"é": "\0"})
        await ann.task("web", number=1)
        async with dial(service, key) as socket:
            await say(socket, "register", name="web", resume=first["resume"], seen=0)
            assert (await hear(socket, "registered"))["received"] == 1
            came = await hear(socket, "task")
            assert (came["seq"], came["from"], came["body"]) == (1, "ann", {"number": 1})
            fragments = ['{"type":"heart', 'beat","t":', "7}"]
            await socket.send(fragments)
            assert (await hear(socket, "heartbeat"))["t"] == 7
            await say(socket, "nonsense")
            with pytest.raises(ConnectionClosed) as ended:
                await hear(socket, "nothing")
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1007
            assert ended.value.rcvd.reason.startswith("malformed: ")
        line = 'dash_agent_closes_total{word="malformed"}'
        await asyncio.to_thread(until, lambda: service.metric(line) == 1)


async def test_it_is_refused_before_the_upgrade(service: Serving, key: str) -> None:
    for wrong, protocol, status in ((f"{key}x", PROTOCOL, 401), (key, "dash.v2", 400)):
        with pytest.raises(InvalidStatus) as refused:
            await dial(service, wrong, protocol)
        assert refused.value.response.status_code == status
