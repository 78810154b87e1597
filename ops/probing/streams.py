"""The prober's streams: a number of them always open, each some seconds of numbered events."""

from __future__ import annotations

import asyncio
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.probing.client import Target
    from ops.probing.losses import Losses

COUNT, EVERY_MS = 30, 100  # events of a stream, and the time between two
PATH = f"/v1/echo/events?count={COUNT}&every_ms={EVERY_MS}"
SLACK = 10.0  # seconds that a stream may take beyond that
ABSENT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
RETRY = 1.0
NUMBER = re.compile(r"-?\d+")


def wrong_with(text: str, count: int) -> str:
    """Return what is wrong with a stream of `count` numbers, then the event done; "" when good."""
    numbers: list[int] = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.partition(":")[::2] for line in block.split("\n") if line[:1] != ":")
        if fields.get("event", "").strip() == "done":
            first = numbers[0] if numbers else 0
            whole = numbers == list(range(first, first + count))
            return "" if whole else f"{len(numbers)} of {count} numbers, or out of order"
        if (found := NUMBER.search(fields.get("data", ""))) is not None:
            numbers.append(int(found[0]))
    return f"ended after {len(numbers)} of {count} numbers"


class Streams:
    """A number of streams; one that is done is followed by the next."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        target: Target,
        key: Callable[[], str],
        losses: Losses,
        count: int,
    ) -> None:
        self._session, self._target, self._key, self._losses = session, target, key, losses
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []
        self._good = self._broken = 0
        self.note = ""

    def start(self) -> None:
        """Open them, spread over the length of one."""
        apart = COUNT * EVERY_MS / 1000 / max(1, self._count)
        self._tasks = [
            asyncio.create_task(self._follow(number, number * apart))
            for number in range(self._count)
        ]

    async def _follow(self, number: int, pause: float) -> None:
        """Read one stream after another; where there are none, the first looks for all."""
        while True:
            await asyncio.sleep(pause)
            looks = number == 0 or not self.note
            pause = 0.0 if looks and await self._one() else RETRY

    async def _one(self) -> bool:
        """Read one stream and count it; tell whether the next may follow at once."""
        if not self._key():
            self.note = "no streams: no key"
            return False
        color, status, why, text = "", 0, "", bytearray()
        try:
            async with (
                asyncio.timeout(COUNT * EVERY_MS / 1000 + SLACK),
                self._session.get(
                    self._target.url + PATH,
                    headers={"Authorization": f"Bearer {self._key()}"},
                    ssl=self._target.tls or True,
                    server_hostname=self._target.server_name,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as response,
            ):
                color, status = response.headers.get("X-Dash-Color", ""), response.status
                async for part in response.content.iter_any():
                    text += part
        except TimeoutError:
            why = "it did not end in time"
        except (aiohttp.ClientError, OSError) as error:
            why = f"{type(error).__name__}: {error}"
        return self._judge(color, status, why, bytes(text))

    def _judge(self, color: str, status: int, why: str, text: bytes) -> bool:
        if status in ABSENT:
            self.note = f"no streams: {PATH.partition('?')[0]} answers {status}"
            return False
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return False
        if not why and status == HTTPStatus.OK:
            why = wrong_with(text.decode(errors="replace"), COUNT)
        elif not why:
            why = f"answered {status}"
        if not why:
            self.note = ""
            self._good += 1
            return True
        if not self._good:  # as with requests: what was bad from the start is not judged
            self.note = f"streams not judged, bad from the start: {why}"
            return False
        self._broken += 1
        self._losses.add("stream", f"after {time.strftime('%H:%M:%S')}", why, color)
        return False

    async def finish(self) -> None:
        """Leave those that are under way: they are neither good nor broken."""
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended  # a fault of the prober's own must not look like calm

    def report(self) -> dict[str, Any]:
        """Return the figures so far."""
        return {"n": self._good + self._broken, "broken": self._broken}
