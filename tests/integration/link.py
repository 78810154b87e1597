"""A wire between the service and PostgreSQL that can be cut, and can hang."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Self

CHUNK = 65536


class Link:
    """Forwards connections to an address. `cut` refuses and resets, `freeze` swallows silently."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self._ended = False
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        self._ended = True
        self.thaw()
        self.cut()

    def mend(self) -> None:
        """Take connections again, on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(50)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Refuse new connections and reset those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Pass nothing on: connections stay open and no answer comes."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on what was held up, and all that follows."""
        self._flows.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(self._target, 5) as far:
            self._open |= {near, far}
            try:
                self._pump(near, far)
            finally:
                self._open -= {near, far}

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        while not self._ended:
            readable, _, _ = select.select([near, far], [], [], 1.0)
            for end in readable:
                data = end.recv(CHUNK)
                if not data:
                    return
                self._flows.wait()
                (far if end is near else near).sendall(data)
