"""A WebSocket under gevent: connect, say, hear, and how it ended."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import websocket

if TYPE_CHECKING:
    from loadtests.target import Target

PROTOCOL = "dash.v1"
TIMEOUT = 15.0  # seconds to connect
SILENCE = 60.0  # seconds without a frame, pings too: then nobody is there
GONE = 1006


class Refused(Exception):
    """There is no connection; the text says why."""


@dataclass(frozen=True)
class Ended:
    """How a connection ended."""

    code: int
    reason: str = ""


class Wire:
    """One connection. Raises Refused when there is none."""

    def __init__(self, url: str, key: str, target: Target) -> None:
        address = url.replace("http", "ws", 1) + "/ws"
        try:
            self._socket = websocket.create_connection(
                address, timeout=TIMEOUT, subprotocols=[PROTOCOL], suppress_origin=True,
                header=[f"Authorization: Bearer {key}"], sslopt={"ca_certs": target.ca},
                enable_multithread=True, http_no_proxy=["127.0.0.1", "localhost"],
            )  # fmt: skip
        except (websocket.WebSocketException, OSError) as error:
            status = getattr(error, "status_code", "")
            raise Refused(f"answered {status}" if status else type(error).__name__) from None
        self._socket.settimeout(SILENCE)

    def say(self, document: dict[str, Any]) -> None:
        """Send a document. What cannot be sent shows as the end of the connection."""
        try:
            self._socket.send(json.dumps(document))
        except (websocket.WebSocketException, OSError):
            self._socket.close(timeout=0)

    def hear(self) -> dict[str, Any] | Ended:
        """Wait for the next document, or the end."""
        try:
            while True:
                code, frame = self._socket.recv_data_frame(control_frame=True)
                if code == websocket.ABNF.OPCODE_CLOSE:
                    return ending(frame.data)
                if code == websocket.ABNF.OPCODE_TEXT:
                    found: dict[str, Any] = json.loads(frame.data)
                    return found
        except (websocket.WebSocketException, OSError, AttributeError) as error:
            return Ended(GONE, type(error).__name__)

    def close(self) -> None:
        """Close it as one's own choice."""
        self._socket.close(timeout=1)


def ending(data: bytes) -> Ended:
    """Return code and reason of a close frame."""
    if len(data) < struct.calcsize("!H"):
        return Ended(1005)
    return Ended(struct.unpack("!H", data[:2])[0], data[2:].decode(errors="replace"))
