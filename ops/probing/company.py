"""What stays open beside the requests: agents on WebSockets, and streams."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from ops.probing.losses import Losses
from ops.probing.smoke import smoke
from ops.probing.sockets import Sockets
from ops.probing.streams import Streams
from ops.probing.wire import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ops.probing.client import Target


class Company:
    """Sockets and streams of one run; with none of either it does nothing."""

    def __init__(
        self, target: Target, key: Callable[[], str], *, sockets: int, streams: int
    ) -> None:
        self._target, self._key = target, key
        self._counts = sockets, streams
        self._losses = Losses()
        self._color = ""

    async def __aenter__(self) -> Self:
        """Begin to connect."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            headers=self._target.headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        among = self._session, self._target, self._key, self._losses
        self._sockets = Sockets(*among, self._counts[0])
        self._streams = Streams(*among, self._counts[1])
        self._sockets.start()
        self._streams.start()
        return self

    async def smoke(self) -> str:
        """Return what is wrong with one agent and one stream, "" when nothing is."""
        place = Place(
            session=self._session, target=self._target, key=self._key, losses=self._losses
        )
        return await smoke(place)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave what is still open."""
        await self._session.close()

    def look(self, color: str) -> None:
        """Take in which colour serves now, and what should have arrived by now."""
        if self._color and color and color != self._color:
            self._sockets.switched()
        self._color = color or self._color
        self._sockets.look()

    async def finish(self, seconds: float) -> None:
        """End all of it; messages under way have some seconds to arrive."""
        await asyncio.gather(self._sockets.finish(seconds), self._streams.finish())

    @property
    def note(self) -> str:
        """What is left out, and why."""
        return "; ".join(note for note in (self._sockets.note, self._streams.note) if note)

    def report(self) -> dict[str, Any]:
        """Return the figures so far."""
        return {
            "sockets": self._sockets.report(),
            "streams": self._streams.report(),
            "losses": self._losses.kept,
            "lost_seconds": self._losses.seconds,
            "last_lost": self._losses.last,
        }
