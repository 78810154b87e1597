"""Requests as no client of the standard library would send them."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from tests.integration.service import Serving


@dataclass(frozen=True)
class Raw:
    """What came back: status (0 when nothing did), the header lines and the body."""

    status: int
    head: list[str]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Return a header's values."""
        found = [line.split(":", 1) for line in self.head if ":" in line]
        return [value.strip() for key, value in found if key.lower() == name.lower()]


def send(service: Serving, first: str, *lines: str, body: bytes = b"") -> Raw:
    """Send a first line, header lines and a body as they are, and read until the end."""
    head = [first, "Host: 127.0.0.1", "Connection: close", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    data = "\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape") + body
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(data)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    top, _, rest = answer.partition(b"\r\n\r\n")
    words = top.decode("latin-1").split("\r\n")
    status = int(words[0].split()[1]) if words[0].startswith("HTTP/") else 0
    return Raw(status, words[1:], rest)
