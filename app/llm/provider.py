"""What a provider's adapter is: the translation between OpenAI's form and the provider's.

An adapter does no I/O. upstream.py sends what it makes, and only with a breaker's permit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.llm.catalog import Deployment, Model
    from app.llm.chat import Chat
    from app.llm.failures import Failure
    from app.llm.sse import Event


class Chunk(NamedTuple):
    """One chunk in OpenAI's form, parsed and as bytes."""

    document: dict[str, Any]
    data: bytes


class Reader(Protocol):
    """Reads one stream. `done` when the provider said that it is over."""

    done: bool

    def feed(self, event: Event) -> list[Chunk]:
        """Return the chunks of an event, none for one that says nothing to clients.

        Raises:
            Failure: the event is malformed, or tells of an error.
        """
        ...


class Provider(Protocol):
    """One kind of provider."""

    path: str  # below its base URL

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers that a call needs, the key's among them."""
        ...

    def body(self, chat: Chat, model: Model, deployment: Deployment) -> dict[str, Any]:
        """Return the request in the provider's form.

        Raises:
            Failure: what is asked cannot be said in it (UNSUPPORTED).
        """
        ...

    def answer(self, document: object) -> tuple[dict[str, Any], bool]:
        """Return an answer in OpenAI's form, and whether it is the document itself.

        Raises:
            Failure: it is none.
        """
        ...

    def reader(self) -> Reader:
        """Return what reads one stream."""
        ...

    def failure(self, status: int, document: Mapping[str, Any], retry_after: str) -> Failure:
        """Return what an answer other than 200 means.

        Args:
            status: of HTTP.
            document: its body, empty when that is no JSON object.
            retry_after: the header, "" without one.
        """
        ...
