"""Sends the prober's requests: kept connections, fresh ones, and POSTs that must come back."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import aiohttp
from multidict import CIMultiDict

from ops.probing.answer import Answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

PATTERN = ("keepalive", "post", "keepalive", "fresh", "keepalive")
PADDING = "0123456789abcdef" * 32  # 512 bytes: a body that takes more than a header's packet
ERROR_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where requests go, and with what.

    Args:
        url: scheme, host and port.
        tls: how to check the server's certificate; None for http.
        server_name: the name it must be for, when it is not the URL's.
        headers: sent with every request.
        key_file: holds the API key; may appear later.
        timeout: seconds in which an answer must be complete, from when it was due.
    """

    url: str
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    key_file: Path | None = None
    timeout: float = 10.0


class Client:
    """A number of connections that are kept, and fresh ones beside them."""

    def __init__(self, target: Target, connections: int) -> None:
        self._target = target
        self._connections = connections
        self._stack = AsyncExitStack()
        self._kept: list[aiohttp.ClientSession] = []
        self._fresh: aiohttp.ClientSession
        self._turn = 0
        self._count = 0
        self._key = ""
        self._key_seen: tuple[int, int] | None = None

    async def __aenter__(self) -> Self:
        """Open the sessions; connections follow with the first requests."""
        for _ in range(self._connections):
            connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=60)
            self._kept.append(await self._session(connector))
        self._fresh = await self._session(aiohttp.TCPConnector(limit=0, force_close=True))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._stack.aclose()

    async def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=connector, headers=self._target.headers, cookie_jar=aiohttp.DummyCookieJar()
        )
        # aiohttp sends an idempotent request again when a kept connection closes under it. A
        # client without that courtesy sees a failure there, so it has to be counted.
        session._retry_connection = False  # noqa: SLF001 -- no public switch; a test holds it
        return await self._stack.enter_async_context(session)

    def read_key(self) -> str:
        """Take a new or changed key from its file; return why POSTs are left out, or ""."""
        path = self._target.key_file
        try:
            if path is None:
                return "no POST: no key file was given"
            stat = path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino)
            if seen != self._key_seen:
                self._key = path.read_text(encoding="utf-8").strip()
                self._key_seen = seen
        except (OSError, UnicodeDecodeError):
            self._key, self._key_seen = "", None
        return "" if self._key else f"no POST: no key in {path}"

    def key(self) -> str:
        """Return the key as it was read last, "" while there is none."""
        return self._key

    def next_request(self) -> tuple[str, str, str]:
        """Return kind, method and path of the next request in turn."""
        kind = PATTERN[self._turn % len(PATTERN)]
        self._turn += 1
        if kind == "fresh":
            return kind, "GET", "/healthz"
        if kind == "post" and self._key:
            return kind, "POST", "/v1/echo"
        with_key = self._key and self._turn % 2
        return "keepalive", "GET", "/v1/me" if with_key else "/healthz"

    async def send(self, intended: float) -> Answer:
        """Send the next request, due at `intended` (monotonic), and return what became of it."""
        kind, method, path = self.next_request()
        session = self._fresh if kind == "fresh" else self._next_kept()
        started = time.monotonic()
        status, error, headers = 0, "", CIMultiDict[str]()
        try:
            left = max(0.001, intended + self._target.timeout - started)
            status, error, headers = await self._ask(session, method, path, left)
        except TimeoutError:
            error = f"timeout: no complete answer within {self._target.timeout:g} s"
        except (aiohttp.ClientError, OSError) as fault:
            error = f"{type(fault).__name__}: {fault}"[:ERROR_LENGTH].replace("\n", " ")
        return Answer(
            kind=kind,
            request=f"{method} {path}",
            intended=intended,
            started=started,
            done=time.monotonic(),
            status=status,
            error=error,
            color=headers.get("X-Dash-Color", ""),
            version=headers.get("X-Dash-Version", ""),
            request_id=headers.get("X-Request-Id", ""),
        )

    async def _ask(
        self, session: aiohttp.ClientSession, method: str, path: str, seconds: float
    ) -> tuple[int, str, CIMultiDict[str]]:
        """Return status, what is wrong with the body, and headers of a complete answer."""
        body = _body(self._turn) if method == "POST" else None
        async with session.request(
            method,
            self._target.url + path,
            data=body,
            headers=self._request_headers(path, body),
            ssl=self._target.tls or True,
            server_hostname=self._target.server_name,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds),
        ) as response:
            content = await response.read()
            error = ""
            if body is not None and response.ok and not same_document(content, body):
                error = f"changed body: {len(content)} bytes came back for {len(body)}"
            return response.status, error, CIMultiDict(response.headers)

    def _next_kept(self) -> aiohttp.ClientSession:
        # One further each round, so that each connection gets each kind of request
        index = (self._count + self._count // self._connections) % self._connections
        self._count += 1
        return self._kept[index]

    def _request_headers(self, path: str, body: bytes | None) -> dict[str, str]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if path.startswith("/v1/"):
            headers["Authorization"] = f"Bearer {self._key}"
        return headers


def _body(number: int) -> bytes:
    return json.dumps({"n": number, "padding": PADDING}).encode()


def same_document(content: bytes, body: bytes) -> bool:
    """Tell whether an echo is what was sent, however it is spaced."""
    try:
        return bool(json.loads(content) == json.loads(body))
    except ValueError:
        return False


async def settle(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    """Wait for requests under way, then give up those that are left."""
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=seconds)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
