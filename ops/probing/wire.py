"""How a WebSocket of the documented protocol is opened, and how its messages go to and fro."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.probing.client import Target
    from ops.probing.dialogue import Document
    from ops.probing.losses import Losses

ABSENT = (403, 404)  # no right to be here, or nothing is here
NO_CODE, ABNORMAL = 1005, 1006  # of a frame without a code, and of no frame
LONGEST = 1 << 20  # bytes of a message
Socket = aiohttp.ClientWebSocketResponse


class Absent(Exception):
    """The release that answers has no sockets for this key; `str()` says how it put it."""


class Unreachable(Exception):
    """No connection came about; `str()` says why."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where agents connect, and whom they tell.

    Args:
        session: makes connections.
        target: whom to connect to.
        key: returns the API key as it is now.
        losses: is told what was lost.
        here: the release that serves has sockets, as far as is known.
        ended: no more tasks, and nobody waits for a time to come back.
        closing: nobody connects any more.
    """

    session: aiohttp.ClientSession
    target: Target
    key: Callable[[], str]
    losses: Losses
    here: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)


async def connect(place: Place) -> tuple[Socket, str]:
    """Return a socket and the colour that it leads to. Raises Absent, Unreachable."""
    target, key = place.target, place.key()
    if not key:
        raise Absent("no key")
    try:
        async with asyncio.timeout(target.timeout):
            socket = await place.session.ws_connect(
                f"{target.url}/ws",
                protocols=("dash.v1",),
                headers={"Authorization": f"Bearer {key}"},
                ssl=target.tls or True,
                server_hostname=target.server_name,
                max_msg_size=LONGEST,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )
    except aiohttp.WSServerHandshakeError as error:
        if error.status in ABSENT:
            raise Absent(f"/ws answers {error.status}") from None
        raise Unreachable(f"/ws answers {error.status}") from None
    except TimeoutError:
        raise Unreachable(f"no connection within {target.timeout:g} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None
    answer = socket._response  # noqa: SLF001 -- the only place of the upgrade's headers
    return socket, answer.headers.get("X-Dash-Color", "")


async def send(socket: Socket, document: Document) -> None:
    """Send a message; whether it got there is for the answers to say."""
    with suppress(aiohttp.ClientError, OSError):  # whoever reads hears how it ended
        await socket.send_str(json.dumps(document, separators=(",", ":")))


def ending(message: aiohttp.WSMessage) -> tuple[int, str]:
    """Return code and reason of what ended a connection: 1006 where no close frame came.

    The frame is asked, not the socket: that says 1006 as well when its own answer to the frame
    finds the connection closed, and who says goodbye need not wait for it.
    """
    if message.type is aiohttp.WSMsgType.CLOSE:
        return int(message.data or NO_CODE), str(message.extra or "")
    return ABNORMAL, ""


def parsed(text: str) -> Document:
    """Return a message. Raises ValueError."""
    found: Any = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 -- it is what was sent that is wrong
    return found
