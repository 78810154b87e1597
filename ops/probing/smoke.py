"""One agent and one short stream, before anything else: whether they work at all.

What /openapi.json does not name is not asked for.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING

import aiohttp

from ops.probing.dialogue import Broken, Dialogue, Document
from ops.probing.messages import Messages
from ops.probing.streams import wrong_with
from ops.probing.wire import Absent, Unreachable, connect, parsed, send

if TYPE_CHECKING:
    from ops.probing.client import Target
    from ops.probing.wire import Place

PATIENCE = 15.0  # seconds for all of it
SOCKETS, EVENTS = "/ws", "/v1/echo/events"
NUMBERS = 3
NAME = "prober-smoke"
BOTH = 2  # messages: a task, and its result


class Wrong(Exception):
    """What is wrong with the release; `str()` is one line."""


async def smoke(place: Place) -> str:
    """Return what is wrong with the sockets and streams of a release, "" when nothing is."""
    try:
        async with asyncio.timeout(PATIENCE):
            named = json.loads(await _get(place, "/openapi.json")).get("paths", {})
            if SOCKETS in named and place.key():
                await _talk_to_itself(place)
            if EVENTS in named and place.key():
                await _read_stream(place)
    except TimeoutError:
        return f"no end within {PATIENCE:g} s"
    except Wrong as wrong:
        return str(wrong)
    except (
        aiohttp.ClientError,
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
    ) as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")
    return ""


async def _get(place: Place, path: str) -> str:
    target: Target = place.target
    async with place.session.get(
        target.url + path,
        headers={"Authorization": f"Bearer {place.key()}"} if place.key() else {},
        ssl=target.tls or True,
        server_hostname=target.server_name,
        allow_redirects=False,
    ) as answer:
        if not answer.ok:
            raise Wrong(f"GET {path} answered {answer.status}")
        return await answer.text()


async def _read_stream(place: Place) -> None:
    if why := wrong_with(await _get(place, f"{EVENTS}?count={NUMBERS}&every_ms=20"), NUMBERS):
        raise Wrong(f"the stream of {EVENTS}: {why}")


async def _talk_to_itself(place: Place) -> None:
    """Register, send a task to oneself, answer it, and see the result come.

    Raises Wrong. A key that may not connect is none of the release's faults.
    """
    messages = Messages()
    dialogue = Dialogue(NAME, secrets.token_hex(4), messages)
    try:
        socket, _ = await connect(place)
        async with socket:
            await send(socket, dialogue.hello())
            async for message in socket:
                for answer in _answers(dialogue, parsed(message.data)):
                    await send(socket, answer)
                if messages.judged == BOTH and not dialogue.outbox:
                    if (said := dialogue.ack()) is not None:
                        await send(socket, said)
                    return
    except Absent as absent:
        if "404" in str(absent):
            raise Wrong(str(absent)) from None
        return
    except (Unreachable, Broken) as error:
        raise Wrong(f"{SOCKETS}: {error}") from None
    raise Wrong(f"{SOCKETS} was closed with {socket.close_code} before a message came back")


def _answers(dialogue: Dialogue, document: Document) -> list[Document]:
    """Return what to say to a message."""
    if document["type"] == "registered":
        dialogue.welcome(document)
        return [dialogue.task(dialogue.name, 1)]
    return dialogue.hear(document)
