"""A mail server for the tests: takes every mail and keeps it; over TLS with a certificate."""

from __future__ import annotations

import contextlib
import socketserver
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self


class _Talk(socketserver.StreamRequestHandler):
    server: _Server
    encrypted = False

    def setup(self) -> None:
        """Begin with TLS where the server does."""
        if self.server.wrapped and self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.encrypted = True
        super().setup()

    def handle(self) -> None:
        """Speak as much SMTP as a client needs."""
        with contextlib.suppress(OSError):  # a client that does not like the certificate is gone
            self.talk()

    def talk(self) -> None:
        """Answer line by line; without TLS nothing but the way to it, where there is one."""
        self.say("220 test")
        tls = self.server.tls
        while raw := self.rfile.readline():
            word = raw.split()[0].upper().decode() if raw.split() else ""
            self.server.words.append((word, self.encrypted))
            if word == "EHLO":
                ways = ["AUTH PLAIN"] if self.encrypted or tls is None else ["STARTTLS"]
                self.say(
                    "\r\n".join(["250-test", *(f"250-{w}" for w in ways[:-1]), f"250 {ways[-1]}"])
                )
            elif word == "STARTTLS" and tls is not None:
                self.say("220 go on")
                self.begin_tls(tls)
            elif word == "QUIT":
                self.say("221 bye")
                return
            elif tls is not None and not self.encrypted:
                self.say("530 STARTTLS first")
            elif word == "AUTH":
                self.server.passwords.append(raw.split()[-1])
                self.say("235 ok")
            elif word == "DATA":
                self.say("354 go on")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.say("250 ok")
            else:
                self.say("250 ok")

    def begin_tls(self, tls: ssl.SSLContext) -> None:
        """Go on within TLS."""
        self.request = tls.wrap_socket(self.request, server_side=True)
        self.encrypted = True
        super().setup()

    def finish(self) -> None:
        """Close what TLS made of the connection; the server knows of the bare one alone."""
        super().finish()
        self.request.close()

    def say(self, line: str) -> None:
        """Send a line."""
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None, *, wrapped: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.tls, self.wrapped = tls, wrapped
        self.mails: list[bytes] = []
        self.passwords: list[bytes] = []
        self.words: list[tuple[str, bool]] = []

    def handle_error(self, *_: object) -> None:
        """A client that ends within the handshake is what some tests are about."""


class Post:
    """The server while it runs. With a context it takes mail over TLS alone.

    TLS begins with the first byte when `wrapped`, else with STARTTLS.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, wrapped: bool = False) -> None:
        self._server = _Server(tls, wrapped=wrapped)
        self._security = "none" if tls is None else "tls" if wrapped else "starttls"

    @property
    def settings(self) -> dict[str, object]:
        """What the service is told to use it."""
        port = self._server.server_address[1]
        return {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": self._security}

    @property
    def mails(self) -> list[EmailMessage]:
        """What came."""
        return [message_from_bytes(x, policy=policy.default) for x in self._server.mails]

    @property
    def words(self) -> list[tuple[str, bool]]:
        """The first word of each line that a client said, and whether within TLS."""
        return self._server.words

    @property
    def passwords(self) -> list[bytes]:
        """What clients proved themselves with, as it came."""
        return self._server.passwords

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
