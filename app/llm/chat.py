"""Requests and answers in OpenAI's form: strict about what the gateway itself relies on.

What a client may send beyond that is passed on to the provider as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.llm.failures import Failure, Kind
from app.models import WHOLE, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_MESSAGES = 4096
MOST_TOKENS = 10_000_000
MOST_CHOICES = 16
_BYTES_A_TOKEN = 4  # about: for what nobody counted


class Open(BaseModel):
    """What is sent: the named parts are checked, others are the provider's business."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class Part(Open):
    """A piece of a message: text, an image, ..."""

    type: Annotated[str, Field(min_length=1, max_length=50)]


class Message(Open):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class StreamOptions(Open):
    """`include_usage` asks for a last chunk with the tokens."""

    include_usage: bool | None = None


class Function(Open):
    """What a model may call."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class Tool(Open):
    """A tool that a model may use."""

    type: Annotated[str, Field(min_length=1, max_length=50)]
    function: Function | None = None


Tokens = Annotated[int, Field(ge=1, le=MOST_TOKENS), WHOLE]


class ChatRequest(Open):
    """A conversation to go on with. Parameters of OpenAI's that are not named here are passed on.

    `model` is a name or an alias of GET /v1/models. With the header `X-Dash-Stream: whole` a
    stream is sent when all of it is there, so that a provider that breaks off is replaced unseen.
    """

    model: Annotated[str, Field(min_length=1, max_length=200)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES), WHOLE] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    tools: Annotated[list[Tool], Field(max_length=1024)] | None = None


class ChatAnswer(Answer):
    """What the model said; further members are the provider's."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[dict[str, JsonValue]]
    usage: dict[str, JsonValue] | None = None


class ModelCard(Answer):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(Answer):
    """All models that can be asked, aliases included."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Usage(NamedTuple):
    """Tokens of a call; `exact` when the provider counted them."""

    prompt: int
    completion: int
    exact: bool = True


class Chat(NamedTuple):
    """A checked request as the gateway works with it."""

    body: dict[str, Any]
    size: int  # bytes
    stream: bool
    include_usage: bool
    needs: frozenset[str]  # capabilities

    @property
    def most_output(self) -> int | None:
        """How many tokens an answer may have, when the client said it."""
        found: int | None = self.body.get("max_completion_tokens") or self.body.get("max_tokens")
        return int(found) * int(self.body.get("n") or 1) if found else None

    @property
    def estimate(self) -> int:
        """About how many tokens the prompt has."""
        return self.size // _BYTES_A_TOKEN + 1


def checked(body: dict[str, Any], size: int) -> Chat:
    """Return a request whose body fits `ChatRequest`."""
    options = body.get("stream_options") or {}
    return Chat(
        body=body,
        size=size,
        stream=bool(body.get("stream")),
        include_usage=bool(options.get("include_usage")),
        needs=_needs(body),
    )


def _needs(body: Mapping[str, Any]) -> frozenset[str]:
    needs = set()
    if body.get("tools"):
        needs.add("tools")
    if (body.get("response_format") or {"type": "text"}).get("type") != "text":
        needs.add("json")
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            kinds = {part.get("type") for part in content}
            needs |= {name for kind, name in _PARTS.items() if kind in kinds}
    return frozenset(needs)


_PARTS = {"image_url": "vision", "input_audio": "audio", "file": "files"}


def usage_of(document: Mapping[str, Any]) -> Usage | None:
    """Return the tokens that an answer or a chunk names."""
    found = document.get("usage")
    if not isinstance(found, dict):
        return None
    prompt, completion = found.get("prompt_tokens"), found.get("completion_tokens")
    if not isinstance(prompt, int) or not isinstance(completion, int):
        return None
    return Usage(max(0, prompt), max(0, completion))


def whole_answer(document: object) -> dict[str, Any]:
    """Return a document that is an answer in OpenAI's form. Raises Failure (MALFORMED)."""
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(choices, list) or not choices:
        raise Failure(Kind.MALFORMED, "the provider answered without a choice")
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict) or not isinstance(choice.get("finish_reason"), str):
            raise Failure(Kind.MALFORMED, "the provider's answer has a choice that is none")
    return document


def said(document: Mapping[str, Any]) -> int:
    """Return about how many tokens an answer has whose provider did not count."""
    choices = document.get("choices") or ()
    return sum(len(str(choice.get("message"))) for choice in choices) // _BYTES_A_TOKEN + 1


class Progress:
    """What was seen of a stream: whether it has content, whether it ended, what it cost."""

    __slots__ = ("_length", "_open", "_seen", "content", "usage")

    def __init__(self) -> None:
        self._open: set[object] = set()
        self._seen = False
        self._length = 0
        self.content = False
        self.usage: Usage | None = None

    def see(self, document: Mapping[str, Any]) -> None:
        """Note a chunk. Raises Failure (BROKEN)."""
        for choice in document["choices"]:
            if not isinstance(choice, dict):
                raise Failure(Kind.BROKEN, "the provider sent a choice that is none")
            index, delta = choice.get("index", 0), choice.get("delta")
            if not isinstance(index, int):
                raise Failure(Kind.BROKEN, "the provider sent a choice without a number")
            self._seen = True
            self._open.add(index)
            if isinstance(delta, dict):
                self._note(delta)
            if choice.get("finish_reason") is not None:
                self._open.discard(index)
                self.content = True
        self.usage = usage_of(document) or self.usage

    def _note(self, delta: Mapping[str, Any]) -> None:
        text = delta.get("content") or delta.get("reasoning_content") or delta.get("refusal")
        if isinstance(text, str):
            self._length += len(text)
            self.content = True
        elif delta.get("tool_calls"):
            self._length += len(str(delta["tool_calls"]))
            self.content = True

    @property
    def ended(self) -> bool:
        """Whether there was a choice and every one of them was finished."""
        return self._seen and not self._open

    def tokens(self, estimate: int) -> Usage:
        """Return what was used: as counted by the provider, else about."""
        if self.usage is not None:
            return self.usage
        return Usage(estimate, self._length // _BYTES_A_TOKEN + 1, exact=False)
