"""Anthropic's stream of events as chunks in OpenAI's form."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from app.llm.failures import Failure, Kind
from app.llm.openai import error_of, in_stream, parsed
from app.llm.provider import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.llm.sse import Event

Delta = dict[str, Any]
FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
}


def usage(found: object) -> dict[str, int]:
    """Return tokens as OpenAI counts them: what came from a cache is part of the prompt."""
    given = found if isinstance(found, dict) else {}

    def count(name: str) -> int:
        value = given.get(name)
        return value if isinstance(value, int) else 0

    cached = count("cache_read_input_tokens")
    prompt = count("input_tokens") + cached + count("cache_creation_input_tokens")
    output = count("output_tokens")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
    }


class AnthropicReader:
    """Holds what chunks repeat, and which block is which tool call."""

    def __init__(self) -> None:
        self.done = False
        self._id = self._model = ""
        self._created = int(time.time())
        self._usage: dict[str, Any] = {}
        self._calls: dict[int, int] = {}  # a block's number to its tool call's
        self._events: dict[str, Callable[[dict[str, Any]], list[Chunk]]] = {
            "message_start": self._start,
            "content_block_start": self._block,
            "content_block_delta": self._delta,
            "message_delta": self._end,
            "message_stop": self._stop,
            "error": self._error,
        }

    def feed(self, event: Event) -> list[Chunk]:
        """Return the chunks of one event; ping and unknown ones have none."""
        document = parsed(event.data)
        reader = self._events.get(str(document.get("type")))
        if reader is None:
            return []
        try:
            return reader(document)
        except (KeyError, TypeError, AttributeError):
            raise Failure(Kind.BROKEN, "the provider sent an event that is none") from None

    def _start(self, document: dict[str, Any]) -> list[Chunk]:
        message = document["message"]
        self._id, self._model = str(message["id"]), str(message["model"])
        self._usage = dict(message.get("usage") or {})
        return [self._chunk({"role": "assistant", "content": ""})]

    def _block(self, document: dict[str, Any]) -> list[Chunk]:
        block = document["content_block"]
        if block["type"] == "text" and block.get("text"):
            return [self._chunk({"content": str(block["text"])})]
        if block["type"] != "tool_use":
            return []
        number = self._calls[document["index"]] = len(self._calls)
        function = {"name": str(block["name"]), "arguments": ""}
        call = {"index": number, "id": str(block["id"]), "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _delta(self, document: dict[str, Any]) -> list[Chunk]:
        delta = document["delta"]
        if delta["type"] == "text_delta":
            return [self._chunk({"content": str(delta["text"])})]
        if delta["type"] == "input_json_delta":
            function = {"arguments": str(delta["partial_json"])}
            call = {"index": self._calls[document["index"]], "function": function}
            return [self._chunk({"tool_calls": [call]})]
        return []

    def _end(self, document: dict[str, Any]) -> list[Chunk]:
        self._usage |= document.get("usage") or {}
        reason = document["delta"].get("stop_reason")
        if reason is None:
            return []
        return [self._chunk({}, FINISH.get(str(reason), "stop"))]

    def _stop(self, _document: dict[str, Any]) -> list[Chunk]:
        self.done = True
        return [self._made({"choices": [], "usage": usage(self._usage)})]

    def _error(self, document: dict[str, Any]) -> list[Chunk]:
        raise in_stream(error_of(document))

    def _chunk(self, delta: Delta, finish: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._made({"choices": [choice]})

    def _made(self, more: dict[str, Any]) -> Chunk:
        document = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            **more,
        }
        return Chunk(document, json.dumps(document, ensure_ascii=False).encode())
