"""Ways to sign in beside a password, as the page offers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Way:
    """An identity provider: what its link says, and the path of ours that leads there."""

    label: str
    url: str


Source = Callable[["Settings"], Iterable[Way]]
SOURCES: tuple[Source, ...] = ()  # a part that signs people in adds a function here


def of(settings: Settings, sources: Iterable[Source] = SOURCES) -> tuple[Way, ...]:
    """Return the ways that the settings open, in the order of their parts."""
    return tuple(way for source in sources for way in source(settings))
