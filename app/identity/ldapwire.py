"""LDAP on a connection: bind, search, STARTTLS. The messages are sansldap's, the waiting ours."""

from __future__ import annotations

import asyncio
import math
import socket
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sansldap import (
    BindResponse,
    ExtendedResponse,
    LDAPClient,
    LDAPError,
    LDAPMessage,
    LDAPResultCode,
    SearchResultDone,
    SearchResultEntry,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from sansldap import LDAPFilter

STARTTLS = "1.3.6.1.4.1.1466.20037"
MOST = 1_048_576  # bytes of all that a directory says on one connection
_CHUNK = 65_536
_WRONG = {  # of a bind: the password, or the person, is none
    LDAPResultCode.INVALID_CREDENTIALS,
    LDAPResultCode.INAPPROPRIATE_AUTHENTICATION,
    LDAPResultCode.NO_SUCH_OBJECT,
    LDAPResultCode.CONSTRAINT_VIOLATION,
    LDAPResultCode.INSUFFICIENT_ACCESS_RIGHTS,
    LDAPResultCode.UNWILLING_TO_PERFORM,
}

_ENDS = {
    LDAPResultCode.SUCCESS,
    LDAPResultCode.NO_SUCH_OBJECT,
    LDAPResultCode.SIZE_LIMIT_EXCEEDED,
}


class Failed(Exception):
    """The directory does not do as it should; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a search found. Names of attributes are in small letters."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]


class Wire:
    """One connection. What is asked next waits for the answer to what was asked before."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._client, self._left = LDAPClient(), MOST
        self._got: deque[LDAPMessage] = deque()

    @classmethod
    async def open(
        cls, host: str, port: int, context: ssl.SSLContext | None, *, starttls: bool
    ) -> Self:
        """Connect, with TLS when there is a context. Raises Failed, OSError."""
        wire = await _connected(host, port)
        try:
            if starttls:
                await _start_tls(wire)
            name = host if context else None
            return cls(*await asyncio.open_connection(sock=wire, ssl=context, server_hostname=name))
        except BaseException:
            wire.close()
            raise

    async def bind(self, dn: str, password: str) -> bool:
        """Prove that one is somebody; False when the directory says no. Raises Failed."""
        self._client.bind_simple(dn, password)
        answer = await self._answer()
        if not isinstance(answer, BindResponse):
            raise Failed("it answered a bind with something else")
        code = answer.result.result_code
        if code not in _WRONG | {LDAPResultCode.SUCCESS}:
            raise Failed(f"a bind ended with {code.name}")
        return code == LDAPResultCode.SUCCESS

    async def search(
        self, base: str, wanted: LDAPFilter, attributes: Sequence[str], most: int, seconds: float
    ) -> list[Entry]:
        """Return what is found below a base, `most` entries at most.

        References to other directories are not followed. Raises Failed.
        """
        self._client.search_request(
            base,
            size_limit=most,
            time_limit=math.ceil(seconds),
            filter=wanted,
            attributes=list(attributes),
        )
        found: list[Entry] = []
        while not isinstance(answer := await self._answer(), SearchResultDone):
            if isinstance(answer, SearchResultEntry):
                values = {each.name.lower(): each.values for each in answer.attributes}
                found.append(Entry(dn=answer.object_name, attributes=values))
        code = answer.result.result_code
        if code not in _ENDS:
            raise Failed(f"a search ended with {code.name}")
        return found

    async def close(self) -> None:
        """Say so and leave."""
        try:
            self._client.unbind()
            self._writer.write(self._client.data_to_send())
        except (LDAPError, OSError):
            pass
        self._writer.close()

    async def _answer(self) -> LDAPMessage:
        """Return the next message; what was asked goes out first."""
        self._writer.write(self._client.data_to_send())
        while not self._got:
            data = await self._reader.read(_CHUNK)
            self._left -= len(data)
            if not data or self._left < 0:
                raise Failed("it closed the connection" if not data else "it said too much")
            try:
                self._got.extend(self._client.receive(data))
            except LDAPError as error:
                raise Failed(str(error).partition("\n")[0]) from None
        return self._got.popleft()


async def _connected(host: str, port: int) -> socket.socket:
    """Return a socket to the first address that answers."""
    loop, last = asyncio.get_running_loop(), OSError("its name has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        wire = socket.socket(family, kind, protocol)
        wire.settimeout(0)  # the loop waits
        try:
            await loop.sock_connect(wire, address)
        except OSError as error:
            wire.close()
            last = error
        except BaseException:
            wire.close()
            raise
        else:
            return wire
    raise last


async def _start_tls(wire: socket.socket) -> None:
    """Agree on TLS. Nothing is buffered: what somebody slips in before TLS breaks the handshake."""
    loop, client = asyncio.get_running_loop(), LDAPClient()
    client.extended_request(STARTTLS)
    await loop.sock_sendall(wire, client.data_to_send())
    messages: list[LDAPMessage] = []
    while not messages:
        data = await loop.sock_recv(wire, 4096)
        if not data:
            raise Failed("it closed the connection")
        try:
            messages = client.receive(data)
        except LDAPError as error:
            raise Failed(str(error).partition("\n")[0]) from None
    first = messages[0]
    if len(messages) > 1 or not isinstance(first, ExtendedResponse):
        raise Failed("it answered STARTTLS with something else")
    if first.result.result_code != LDAPResultCode.SUCCESS:
        raise Failed(f"it does not start TLS: {first.result.result_code.name}")
