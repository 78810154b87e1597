"""Anthropic's messages API: translated both ways."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from app.llm.anthropicmessages import messages, tool_choice, tools
from app.llm.anthropicstream import FINISH, AnthropicReader, usage
from app.llm.failures import Failure, Kind
from app.llm.openai import by_status, error_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.llm.catalog import Deployment, Model
    from app.llm.chat import Chat

VERSION = "2023-06-01"
# Both sides know these by the same name, or Anthropic alone does.
_SAME = ("top_p", "top_k", "thinking", "service_tier")
_WARMEST = 1.0  # OpenAI's temperature goes on to 2


class Anthropic:
    """The messages API. What it has no word for and what would change the answer is refused."""

    path = "/messages"

    def headers(self, key: str) -> dict[str, str]:
        """Return the key and the version of the API."""
        return {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}

    def body(self, chat: Chat, model: Model, deployment: Deployment) -> dict[str, Any]:
        """Return the request in Anthropic's form."""
        asked = chat.body
        _refuse(asked)
        system, turns = messages(asked["messages"])
        body: dict[str, Any] = {
            "model": deployment.model,
            "max_tokens": asked.get("max_completion_tokens")
            or asked.get("max_tokens")
            or model.output,
            "messages": turns,
        }
        body |= {name: asked[name] for name in _SAME if asked.get(name) is not None}
        if system:
            body["system"] = system
        if (temperature := asked.get("temperature")) is not None:
            body["temperature"] = min(temperature, _WARMEST)
        if stop := asked.get("stop"):
            body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        if asked.get("tools"):
            body["tools"] = tools(asked["tools"])
            if choice := tool_choice(asked):
                body["tool_choice"] = choice
        if isinstance(asked.get("user"), str):
            body["metadata"] = {"user_id": asked["user"]}
        if chat.stream:
            body["stream"] = True
        return body

    def answer(self, document: object) -> tuple[dict[str, Any], bool]:
        """Return a message as an answer in OpenAI's form."""
        if not isinstance(document, dict) or not isinstance(document.get("content"), list):
            raise Failure(Kind.MALFORMED, "the provider answered without content")
        finish = FINISH.get(str(document.get("stop_reason")))
        if finish is None:
            raise Failure(Kind.MALFORMED, "the provider's answer has no end")
        return {
            "id": str(document.get("id", "")),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": str(document.get("model", "")),
            "choices": [
                {
                    "index": 0,
                    "message": _message(document["content"]),
                    "finish_reason": finish,
                    "logprobs": None,
                }
            ],
            "usage": usage(document.get("usage")),
        }, False

    def reader(self) -> AnthropicReader:
        """Return what makes chunks of events."""
        return AnthropicReader()

    def failure(self, status: int, document: Mapping[str, Any], retry_after: str) -> Failure:
        """Tell failures apart; 529 is a server that has too much to do."""
        return by_status(status, error_of(document), retry_after)


def _message(blocks: list[Any]) -> dict[str, Any]:
    texts, calls = [], []
    for block in blocks:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            texts.append(str(block.get("text", "")))
        elif kind == "tool_use":
            arguments = json.dumps(block.get("input") or {}, ensure_ascii=False)
            function = {"name": str(block.get("name", "")), "arguments": arguments}
            calls.append({"id": str(block.get("id")), "type": "function", "function": function})
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None}
    if calls:
        message["tool_calls"] = calls
    elif not texts:
        message["content"] = ""
    return {**message, "refusal": None}


def _refuse(asked: Mapping[str, Any]) -> None:
    """Refuse what would silently give another answer than the one that was asked for."""
    wrong = ""
    if (asked.get("n") or 1) > 1:
        wrong = "n"
    elif asked.get("logprobs"):
        wrong = "logprobs"
    elif (asked.get("response_format") or {"type": "text"}).get("type") != "text":
        wrong = "response_format"
    elif asked.get("functions"):
        wrong = "functions"
    if wrong:
        raise Failure(Kind.UNSUPPORTED, f"this model does not support {wrong}", param=wrong)
