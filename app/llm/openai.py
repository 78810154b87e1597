"""OpenAI's own form: little to translate, everything to check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from app import log
from app.llm import chat
from app.llm.failures import Failure, Kind, seconds
from app.llm.provider import Chunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.llm.catalog import Deployment, Model
    from app.llm.chat import Chat
    from app.llm.sse import Event

_CONTEXT = ("context_length", "maximum context", "context window", "too long", "token limit")
_POLICY = (
    "content_policy",
    "content_filter",
    "content policy",
    "content filter",
    "filtering policy",
    "high risk",
)
_GATEWAYS_OWN = frozenset({401, 403, 404})  # its key or its model is wrong, not the caller's
_TOO_LARGE, _LIMITED, _SERVER = 413, 429, 500
_TIMED_OUT = frozenset({408, 504})


class OpenAI:
    """Chat completions as OpenAI has them; a provider that is like it overrides a line or two."""

    path = "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        """Return a bearer token."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def body(self, chat: Chat, _model: Model, deployment: Deployment) -> dict[str, Any]:
        """Return what the client sent, for this provider's name of the model."""
        body = {**chat.body, "model": deployment.model}
        if chat.stream:  # the tokens are wanted for the account, whoever else asked
            body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
        else:
            body.pop("stream_options", None)
        return body

    def answer(self, document: object) -> tuple[dict[str, Any], bool]:
        """Return the document as it is, once it is an answer."""
        return chat.whole_answer(document), True

    def reader(self) -> OpenAIReader:
        """Return what checks chunks and passes their bytes on."""
        return OpenAIReader()

    def failure(self, status: int, document: Mapping[str, Any], retry_after: str) -> Failure:
        """Tell failures apart by status, and the caller's by what the provider calls them."""
        return by_status(status, error_of(document), retry_after)


class OpenAIReader:
    """Passes chunks on as they are."""

    def __init__(self) -> None:
        self.done = False

    def feed(self, event: Event) -> list[Chunk]:
        """Return the chunk of an event; [DONE] ends the stream."""
        if event.data == b"[DONE]":
            self.done = True
            return []
        document = parsed(event.data)
        if "error" in document:
            raise in_stream(error_of(document))
        if not isinstance(document.get("choices"), list):
            raise Failure(Kind.BROKEN, "the provider sent a chunk that is none")
        return [Chunk(document, event.data)]


def parsed(data: bytes) -> dict[str, Any]:
    """Return an event's data as an object. Raises Failure (BROKEN)."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Failure(Kind.BROKEN, "the provider sent a chunk that is no JSON")
    return document


def error_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return type, code, message and param of an error, as text."""
    error = document.get("error")
    found = error if isinstance(error, dict) else {"message": error}
    names = ("type", "code", "message", "param")
    return {name: str(found.get(name) or "") for name in names}


def by_status(status: int, error: Mapping[str, str], retry_after: str) -> Failure:
    """Return what a status means; a provider's words are shown only when the caller is meant."""
    wait = seconds(retry_after)
    if status == _LIMITED:
        return Failure(Kind.RATE_LIMITED, "the provider takes no more now", retry_after=wait)
    if status in _TIMED_OUT:
        return Failure(Kind.TIMEOUT, "the provider gave up", retry_after=wait)
    kind = _callers(status, error)
    if status in _GATEWAYS_OWN and kind is not Kind.CONTENT_POLICY:
        return Failure(Kind.REFUSED, f"the provider refuses this gateway ({status})")
    if status >= _SERVER or status < 400:  # noqa: PLR2004 -- HTTP's own
        return Failure(Kind.SERVER, f"the provider failed ({status})", retry_after=wait)
    words = str(log.redact(error.get("message", ""))) or f"the provider refused it ({status})"
    return Failure(kind, words, status=status, param=error.get("param", ""))


def in_stream(error: Mapping[str, str]) -> Failure:
    """Return what an error event means: a stream that began and will not end."""
    kind = _callers(0, error)
    if kind is Kind.CALLER:
        return Failure(Kind.BROKEN, "the provider broke off with an error")
    return Failure(kind, str(log.redact(error.get("message", ""))) or "refused", status=400)


def _callers(status: int, error: Mapping[str, str]) -> Kind:
    text = " ".join(
        (error.get("code", ""), error.get("type", ""), error.get("message", ""))
    ).lower()
    if status == _TOO_LARGE or any(word in text for word in _CONTEXT):
        return Kind.CONTEXT_LENGTH
    if any(word in text for word in _POLICY):
        return Kind.CONTENT_POLICY
    return Kind.CALLER
