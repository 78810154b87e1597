"""A WebSocket client of its own, after RFC 6455: blocking, over a plain or TLS socket.

It shares nothing with the prober or the service, so that a fault of a library hides from nobody.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import select
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SHORT, MEDIUM = 126, 127  # lengths that say: the length follows in 2, or 8, bytes
FIN, MASKED, RESERVED = 0x80, 0x80, 0x70
ABNORMAL = 1006
MOST_HEADERS = 65536


class Refused(Exception):
    """The handshake was answered with something else; `status` says what."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the handshake was answered {status}")
        self.status = status


class Closed(Exception):
    """The connection has ended, with `code` (1006 without a close frame) and `reason`."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason}".strip())
        self.code, self.reason = code, reason


@dataclass
class WebSocket:
    """One connection. Messages are text; pings are answered while one waits for them."""

    connection: socket.socket
    headers: dict[str, str]
    _buffer: bytearray = field(default_factory=bytearray)

    @classmethod
    def open(
        cls,
        url: str,
        headers: dict[str, str],
        *,
        context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
    ) -> WebSocket:
        """Connect and shake hands. Raises Refused, OSError."""
        parts = urlsplit(url)
        host, port = str(parts.hostname), parts.port or (443 if context else 80)
        connection = socket.create_connection((host, port), timeout=timeout)
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_hostname=host)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return cls._shake_hands(connection, parts.path, f"{host}:{port}", headers)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def _shake_hands(
        cls, connection: socket.socket, path: str, host: str, headers: dict[str, str]
    ) -> WebSocket:
        key = base64.b64encode(os.urandom(16)).decode()
        said = {
            "Host": host, "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **headers,
        }  # fmt: skip
        lines = [f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in said.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        got = bytearray()
        while b"\r\n\r\n" not in got:
            part = connection.recv(4096)
            if not part or len(got) > MOST_HEADERS:
                raise ConnectionError("no answer to the handshake")
            got += part
        head, _, rest = bytes(got).partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        code = int(status.split()[1])
        if code != 101:
            raise Refused(code)
        answered = {k.strip().lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}
        digest = hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()
        if answered.get("sec-websocket-accept") != base64.b64encode(digest).decode():
            raise ConnectionError("the handshake was answered for another key")
        return cls(connection, answered, bytearray(rest))

    def send(self, text: str) -> None:
        """Send a message. Raises OSError."""
        self._frame(TEXT, text.encode())

    def _frame(self, opcode: int, data: bytes) -> None:
        size = len(data)
        if size < SHORT:
            head = bytes([FIN | opcode, MASKED | size])
        elif size < 1 << 16:
            head = bytes([FIN | opcode, MASKED | SHORT]) + struct.pack("!H", size)
        else:
            head = bytes([FIN | opcode, MASKED | MEDIUM]) + struct.pack("!Q", size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.connection.sendall(head + mask + masked)

    def receive(self, seconds: float) -> str | None:
        """Return the next message, None when there is none in time. Raises Closed."""
        end = time.monotonic() + seconds
        while (frame := self._next()) is None:
            left = max(0.0, end - time.monotonic())
            if not self._pending() and not select.select([self.connection], [], [], left)[0]:
                return None
            self._read()
        opcode, data = frame
        if opcode == CLOSE:
            code = struct.unpack("!H", data[:2])[0] if len(data) > 1 else 1005
            with contextlib.suppress(OSError):
                self._frame(CLOSE, data[:2])
            raise Closed(code, data[2:].decode(errors="replace"))
        if opcode == PING:
            self._frame(PONG, data)
        if opcode == TEXT:
            return data.decode()
        return self.receive(max(0.0, end - time.monotonic()))

    def _pending(self) -> bool:
        """Tell whether TLS holds bytes that select does not see."""
        return isinstance(self.connection, ssl.SSLSocket) and self.connection.pending() > 0

    def _read(self) -> None:
        try:
            part = self.connection.recv(65536)
        except OSError as error:
            raise Closed(ABNORMAL, str(error)) from None
        if not part:
            raise Closed(ABNORMAL, "no close frame came")
        self._buffer += part

    def _next(self) -> tuple[int, bytes] | None:
        """Take a whole frame off the buffer, None when there is none. Raises Closed."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1], 2
        if buffer[0] & RESERVED or not buffer[0] & FIN or size & MASKED:
            raise Closed(ABNORMAL, f"a frame that is not expected: {bytes(buffer[:2]).hex()}")
        if size in (SHORT, MEDIUM):
            form, start = ("!H", 4) if size == SHORT else ("!Q", 10)
            if len(buffer) < start:
                return None
            size = struct.unpack(form, buffer[2:start])[0]
        if len(buffer) < start + size:
            return None
        frame = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        return frame

    def close(self) -> None:
        """Say goodbye, and go."""
        try:
            self._frame(CLOSE, struct.pack("!H", 1000))
            self.connection.settimeout(1.0)
            while self.connection.recv(65536):
                pass
        except OSError:
            pass
        finally:
            self.connection.close()
