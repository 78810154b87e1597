"""A person with a browser, and somebody who means harm: both speak to the edge over TLS."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from http.client import HTTPResponse, HTTPSConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 15.0  # seconds; longer than the edge waits for anything of a request
QUIET = 1.5  # seconds after which nothing more is on its way
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")  # a body has no end of its own line


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def color(self) -> str:
        """Which colour answered."""
        return self.headers.get("x-dash-color", "")


@dataclass
class Browser:
    """Keeps cookies as a browser does, and sends the token of its pages along."""

    url: str
    ca: Path
    cookies: SimpleCookie = field(default_factory=SimpleCookie)
    csrf: str = ""

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        url: str = "",
    ) -> Answer:
        """Send a request on a connection of its own; `headers` win."""
        said = {"X-CSRF-Token": self.csrf} if self.csrf else {}
        if self.cookies:
            said["Cookie"] = "; ".join(f"{c.key}={c.value}" for c in self.cookies.values())
        data = None
        if body is not None:
            data, said["Content-Type"] = json.dumps(body).encode(), "application/json"
        parts = urlsplit(url or self.url)
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = HTTPSConnection(
            str(parts.hostname), parts.port, timeout=TIMEOUT, context=context
        )
        try:
            connection.request(method, path, data, {**said, **(headers or {})})
            return self._kept(connection.getresponse())
        finally:
            connection.close()

    def _kept(self, response: HTTPResponse) -> Answer:
        """Return an answer; its cookies are kept, or forgotten where it says so."""
        for line in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, response.read())

    def sign_in(self, email: str, password: str) -> Answer:
        """Begin a session and keep what its pages send along."""
        answer = self.send("POST", "/v1/sessions", {"email": email, "password": password})
        if answer.status == 201:
            self.csrf = answer.document["session"]["csrf_token"]
        return answer


@dataclass(frozen=True)
class Heard:
    """What a raw connection gave back until it was closed, or nothing more came.

    `seconds` went by until the last of it.
    """

    raw: bytes
    closed: bool
    seconds: float

    @property
    def statuses(self) -> list[int]:
        """The status of every answer on the connection."""
        return [int(found) for found in STATUS.findall(self.raw)]


def raw(url: str, ca: Path, sent: bytes) -> Heard:
    """Send bytes as they are, over TLS; listen until the other end is done."""
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=str(ca))
    plain = socket.create_connection((str(parts.hostname), parts.port or 443), timeout=TIMEOUT)
    began, heard, closed = time.monotonic(), b"", False
    with context.wrap_socket(plain, server_hostname=parts.hostname) as connection:
        with contextlib.suppress(OSError):  # cut off while it still sends
            connection.sendall(sent)
        last = time.monotonic()
        try:
            while part := connection.recv(65536):
                heard, last = heard + part, time.monotonic()
                connection.settimeout(QUIET)
            closed = True
        except TimeoutError:
            pass
        except OSError:
            closed = True
    return Heard(heard, closed, last - began)
