"""Ends the work for clients that went away: nobody pays a provider for an answer to nobody."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

SECONDS = 0.1  # between two looks


class Watch:
    """Looks at the connections of requests under way, all at once: a task each would cost more."""

    def __init__(self) -> None:
        self._watched: dict[asyncio.Task[object], web.BaseRequest] = {}

    @contextmanager
    def over(self, request: web.BaseRequest) -> Iterator[None]:
        """Cancel the block when the client goes away."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- handlers run in one
        self._watched[task] = request
        try:
            yield
        finally:
            self._watched.pop(task, None)

    def look(self) -> None:
        """Cancel what nobody waits for any more."""
        for task, request in list(self._watched.items()):
            if request.transport is None or request.transport.is_closing():
                del self._watched[task]
                task.cancel()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            self.look()
