"""Server-sent events, parsed as the bytes come: any cut between them, any kind of line end."""

from __future__ import annotations

from typing import NamedTuple

LARGEST = 1_048_576  # bytes of one event
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its name (often none) and its data."""

    name: str
    data: bytes


class TooLarge(ValueError):
    """An event does not end."""


class Parser:
    """Holds what is not complete yet. What it holds at the end of a stream was cut off."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._rest = b""
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    @property
    def pending(self) -> bool:
        """Whether an event was begun and did not end."""
        return bool(self._rest.strip() or self._data or self._name)

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that a piece completes. Raises TooLarge."""
        text = self._rest + piece
        if not self._begun:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return []
            text, self._begun = text.removeprefix(_BOM), True
        held = b""
        if text.endswith(b"\r"):  # the line feed that belongs to it may come next
            text, held = text[:-1], b"\r"
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, last = text.split(b"\n")
        self._rest = last + held
        found = [event for line in lines if (event := self._line(line)) is not None]
        if self._size + len(self._rest) > self._largest:
            raise TooLarge
        return found

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._end()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value)
            if self._size > self._largest:
                raise TooLarge
        elif name == b"event":
            self._name = value
        return None  # a comment, an id, or a field that means nothing here

    def _end(self) -> Event | None:
        event = None
        if self._data:
            event = Event(self._name.decode("utf-8", "replace"), b"\n".join(self._data))
        self._name, self._data, self._size = b"", [], 0
        return event
