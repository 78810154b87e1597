"""Server-sent events, read line by line. No locust here: importing it patches the whole process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lines(Protocol):
    """What is read line by line."""

    def readline(self, sep: bytes) -> bytes:
        """Return a line with its end, b"" when there is no more."""
        ...


def events(stream: Lines) -> Iterator[str]:
    """Yield the data of each server-sent event, as soon as it is there."""
    data: list[str] = []
    while line := stream.readline(b"\n"):
        said = line.decode().strip()
        if said.startswith("data:"):
            data.append(said[5:].strip())
        elif not said and data:
            yield "\n".join(data)
            data = []
