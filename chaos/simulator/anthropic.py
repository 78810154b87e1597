"""Anthropic's messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chaos.simulator.faults import Kind
from chaos.simulator.openai import bearer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.simulator.answers import Said

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Anthropic:
    """How requests are read and answers are written."""

    path = "/v1/messages"

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the key that was shown, in either way, along with a version of the API."""
        if not headers.get("anthropic-version"):
            return ""
        return headers.get("x-api-key") or bearer(headers)

    def most(self, body: Mapping[str, Any]) -> int | None:
        """Return how many tokens are allowed."""
        found = body.get("max_tokens")
        return found if isinstance(found, int) else None

    def tool(self, body: Mapping[str, Any]) -> tuple[str, Any] | None:
        """Return name and schema of the tool to call: the first, until it has been called."""
        tools, choice = body.get("tools"), body.get("tool_choice") or {}
        content = body["messages"][-1].get("content")
        blocks = content if isinstance(content, list) else []
        if not tools or choice.get("type") == "none" or _results(blocks):
            return None
        return str(tools[0]["name"]), tools[0].get("input_schema")

    def whole(self, body: Mapping[str, Any], said: Said, call: str) -> dict[str, Any]:
        """Return a message."""
        block: dict[str, Any] = {"type": "text", "text": said.text}
        if said.tool:
            block = _called(said, call) | {"input": json.loads(said.arguments)}
        return {
            **_message(body, call),
            "content": [block],
            "stop_reason": _stop(said),
            "usage": {"input_tokens": said.prompt, "output_tokens": len(said.tokens)},
        }

    def events(self, body: Mapping[str, Any], said: Said, call: str) -> list[list[bytes]]:
        """Return what comes before the first token, each token, and the end."""
        usage = {"input_tokens": said.prompt, "output_tokens": 1}
        message = {**_message(body, call), "usage": usage}
        block: dict[str, Any] = {"type": "text", "text": ""}
        deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": x} for x in said.tokens]
        if said.tool:
            block = _called(said, call) | {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": said.arguments}]
        first = [
            _event("message_start", message=message),
            _event("content_block_start", index=0, content_block=block),
            _event("ping"),
        ]
        tokens = [[_event("content_block_delta", index=0, delta=delta)] for delta in deltas]
        ended = {"stop_reason": _stop(said), "stop_sequence": None}
        end = [
            _event("content_block_stop", index=0),
            _event("message_delta", delta=ended, usage={"output_tokens": len(said.tokens)}),
            _event("message_stop"),
        ]
        return [first, *tokens, end]

    def empty(self, body: Mapping[str, Any], call: str) -> tuple[dict[str, Any], list[bytes]]:
        """Return an answer without content or end, and a stream that is over at once."""
        return _message(body, call) | {"usage": {}}, [_event("message_stop")]

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        error = {"type": _TYPES.get(status, "api_error"), "message": message}
        return {"type": "error", "error": error, "request_id": "req_simulated"}

    def refusal(self, kind: Kind, tokens: int) -> dict[str, Any]:
        """Return the error of what is refused for its content or length."""
        if kind is Kind.POLICY:
            return self.error(400, "Output blocked by content filtering policy")
        return self.error(400, f"prompt is too long: {tokens} tokens > 200000 maximum")

    def error_event(self) -> bytes:
        """Return what a stream breaks off with."""
        return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def _results(blocks: list[Any]) -> bool:
    return any(isinstance(block, dict) and block.get("type") == "tool_result" for block in blocks)


def _message(body: Mapping[str, Any], call: str) -> dict[str, Any]:
    return {
        "id": f"msg_{call}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _called(said: Said, call: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{call}", "name": said.tool}


def _stop(said: Said) -> str:
    return "tool_use" if said.tool else "max_tokens" if said.cut else "end_turn"


def _event(kind: str, **more: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **more}).encode())
