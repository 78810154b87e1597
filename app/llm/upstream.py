"""The one place that speaks to providers. Nothing is sent without a breaker's permit."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from app.llm.breaker import Permit
from app.llm.failures import Failure, Kind
from app.llm.sse import Parser, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from app.llm import catalog
    from app.llm.chat import Progress
    from app.llm.provider import Chunk, Provider, Reader

MOST_OF_AN_ERROR = 65_536  # bytes that are read of it
LARGE = 1_048_576  # bytes that are better sent in pieces
PING = "ping"  # an event that is no progress
TAIL_SECONDS = 0.2  # for the end of a stream that said it is over, so that its connection is kept
_GOOD = 200


class Upstream:
    """One provider, over connections that are kept."""

    def __init__(
        self,
        provider: catalog.Provider,
        adapter: Provider,
        session: aiohttp.ClientSession,
        key: str,
    ) -> None:
        self._provider, self.adapter, self._session = provider, adapter, session
        # Parsed and hashed once: what is the same for each call is made here.
        self._url = URL(provider.base_url.rstrip("/") + adapter.path)
        self._headers = CIMultiDict(
            {
                "Content-Type": "application/json",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "User-Agent": "dash",
                **adapter.headers(key),
            }
        )
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=provider.connect_seconds)
        self._tls = ssl.create_default_context()
        if provider.ca:
            self._tls.load_verify_locations(provider.ca)

    async def ask(
        self, permit: Permit, body: dict[str, Any], seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        """Return a whole answer in OpenAI's form, parsed and as bytes.

        Args:
            permit: of the breaker.
            body: in the provider's form.
            seconds: for all of it.

        Raises:
            Failure: there is none.
        """
        with _told(Kind.CONNECTION):
            async with (
                asyncio.timeout(min(seconds, self._provider.total_seconds)),
                self._sent(permit, body) as response,
            ):
                if response.status != _GOOD:
                    raise await self._failure(response)
                raw = await self._read(response, self._provider.max_answer)
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            raise Failure(Kind.MALFORMED, "the provider's answer is no JSON") from None
        if isinstance(document, dict) and "error" in document and "choices" not in document:
            raise Failure(Kind.SERVER, "the provider answered with an error")
        answer, same = self.adapter.answer(document)
        return answer, raw if same else json.dumps(answer, ensure_ascii=False).encode()

    async def stream(
        self, permit: Permit, body: dict[str, Any], seconds: float, progress: Progress
    ) -> AsyncGenerator[list[Chunk]]:
        """Yield chunks as they come, and end only when the stream is whole.

        Args:
            permit: of the breaker.
            body: in the provider's form.
            seconds: until the first content.
            progress: notes what comes.

        Raises:
            Failure: it did not begin, or it broke.
        """
        limits = _Limits(self._provider, seconds)
        with _told(Kind.CONNECTION):
            async with asyncio.timeout_at(limits.at):
                response = await self._sent(permit, body)
        async with response:
            with _told(Kind.CONNECTION):
                async with asyncio.timeout_at(limits.at):
                    await self._check(response)
            reader = self.adapter.reader()
            async with aclosing(self._pieces(response, reader, limits, progress)) as pieces:
                async for chunks in pieces:
                    yield chunks
            with _told(Kind.BROKEN):
                await _tail(response)

    async def _pieces(
        self,
        response: aiohttp.ClientResponse,
        reader: Reader,
        limits: _Limits,
        progress: Progress,
    ) -> AsyncGenerator[list[Chunk]]:
        parser, size = Parser(), 0
        while True:
            with _told(Kind.BROKEN):
                async with asyncio.timeout_at(limits.at):
                    piece = await response.content.readany()
            size += len(piece)
            if not piece or size > self._provider.max_answer:
                words = "cut the stream off" if not piece else "sends more than is taken"
                raise Failure(Kind.BROKEN, f"the provider {words}")
            chunks = []
            for event in _fed(parser, piece):
                found = reader.feed(event)
                for chunk in found:
                    progress.see(chunk.document)
                chunks += found
                limits.heard(event.name != PING, content=progress.content)
            if reader.done and not progress.ended:
                raise Failure(Kind.BROKEN, "the provider ended the stream without an end")
            if chunks:
                yield chunks
            if reader.done:
                return

    def _sent(self, permit: Permit, body: dict[str, Any]) -> Any:  # noqa: ANN401 -- aiohttp's own
        assert isinstance(permit, Permit)  # noqa: S101 -- nobody is called without
        data = json.dumps(body, ensure_ascii=False).encode()
        return self._session.post(
            self._url,
            data=data if len(data) <= LARGE else io.BytesIO(data),
            headers=self._headers,
            timeout=self._timeout,
            allow_redirects=False,
            ssl=self._tls,
        )

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != _GOOD:
            raise await self._failure(response)
        if response.content_type != "text/event-stream":
            raise Failure(Kind.MALFORMED, "the provider did not answer with a stream")

    async def _failure(self, response: aiohttp.ClientResponse) -> Failure:
        try:
            document = json.loads(await self._read(response, MOST_OF_AN_ERROR))
        except (ValueError, RecursionError, Failure):
            document = {}
        found = document if isinstance(document, dict) else {}
        said = response.headers.get("Retry-After", "")
        return self.adapter.failure(response.status, found, said)

    @staticmethod
    async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
        """Return a body; one that is larger than may be is not read to its end."""
        length = response.content_length
        if length is not None and length <= most and "Content-Encoding" not in response.headers:
            return await response.read()
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > most:
                raise Failure(Kind.MALFORMED, "the provider's answer is larger than is taken")
            pieces.append(piece)
        return b"".join(pieces)


class _Limits:
    """Until when the next piece must be there, by the loop's clock."""

    def __init__(self, provider: catalog.Provider, seconds: float) -> None:
        self._now = asyncio.get_running_loop().time
        self._pause = provider.chunk_seconds
        self._end = self._now() + provider.total_seconds
        self.at = min(self._now() + min(seconds, provider.first_seconds), self._end)

    def heard(self, progress: bool, *, content: bool) -> None:  # noqa: FBT001 -- private
        """Note an event; until there is content, the first limit stands."""
        if progress and content:
            self.at = min(self._now() + self._pause, self._end)


def _fed(parser: Parser, piece: bytes) -> list[Any]:
    try:
        return parser.feed(piece)
    except TooLarge:
        raise Failure(Kind.BROKEN, "the provider sent an event that does not end") from None


async def _tail(response: aiohttp.ClientResponse) -> None:
    try:
        async with asyncio.timeout(TAIL_SECONDS):
            while not response.content.at_eof() and await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError):
        response.close()


@contextmanager
def _told(broken: Kind) -> Iterator[None]:
    """Give what can happen to a connection its type."""
    try:
        yield
    except TimeoutError:
        kind = Kind.BROKEN if broken is Kind.BROKEN else Kind.TIMEOUT
        words = "stalled" if broken is Kind.BROKEN else "did not answer in time"
        raise Failure(kind, f"the provider {words}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        words = "cut the stream off" if broken is Kind.BROKEN else "cannot be reached"
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
            words = "cut the answer off"
        raise Failure(broken, f"the provider {words}") from None
