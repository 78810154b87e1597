"""A mail server for the tests: takes every mail and keeps it."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Speak as much SMTP as a client needs."""
        self.say("220 test")
        for raw in self.rfile:
            word = raw.split()[0].upper() if raw.split() else b""
            if word == b"DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                mails: list[bytes] = self.server.mails  # type: ignore[attr-defined] # set below
                mails.append(b"".join(lines))
            elif word == b"QUIT":
                self.say("221 bye")
                return
            self.say("250 ok")

    def say(self, line: str) -> None:
        """Send a line."""
        self.wfile.write(f"{line}\r\n".encode())


class Post:
    """The server while it runs."""

    def __init__(self) -> None:
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Talk)
        self._server.daemon_threads = True
        self._mails: list[bytes] = []
        self._server.mails = self._mails  # type: ignore[attr-defined] # for the talks

    @property
    def settings(self) -> dict[str, object]:
        """What the service is told to use it."""
        port = self._server.server_address[1]
        return {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}

    @property
    def mails(self) -> list[EmailMessage]:
        """What came."""
        return [message_from_bytes(x, policy=policy.default) for x in self._mails]

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
