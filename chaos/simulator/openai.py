"""OpenAI's chat completions, which Kimi has too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chaos.simulator import answers
from chaos.simulator.faults import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.simulator.answers import Said

CREATED = 1_790_000_000  # the same in every answer: two runs are compared byte by byte
_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


class OpenAI:
    """How requests are read and answers are written."""

    path = "/v1/chat/completions"

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the key that was shown."""
        return bearer(headers)

    def most(self, body: Mapping[str, Any]) -> int | None:
        """Return how many tokens are allowed."""
        found = body.get("max_completion_tokens") or body.get("max_tokens")
        return found if isinstance(found, int) else None

    def tool(self, body: Mapping[str, Any]) -> tuple[str, Any] | None:
        """Return name and schema of the tool to call: the first, until it has been called."""
        tools, choice = body.get("tools"), body.get("tool_choice", "auto")
        if not tools or choice == "none" or body["messages"][-1].get("role") == "tool":
            return None
        function = tools[0]["function"]
        return str(function["name"]), function.get("parameters")

    def whole(self, body: Mapping[str, Any], said: Said, call: str) -> dict[str, Any]:
        """Return an answer."""
        message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None}
        if said.tool:
            message |= {"content": None, "tool_calls": [_called(said, call)]}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish(said),
        }
        return {
            "id": f"chatcmpl-{call}",
            "object": "chat.completion",
            "created": CREATED,
            "model": body["model"],
            "choices": [choice],
            "usage": _usage(said),
        }

    def events(self, body: Mapping[str, Any], said: Said, call: str) -> list[list[bytes]]:
        """Return what comes before the first token, each token, and the end."""

        def chunk(**more: object) -> bytes:
            return _event(
                {
                    "id": f"chatcmpl-{call}",
                    "object": "chat.completion.chunk",
                    "created": CREATED,
                    "model": body["model"],
                    **more,
                }
            )

        def delta(made: Mapping[str, object], finish: str | None = None) -> bytes:
            return chunk(choices=[{"index": 0, "delta": made, "finish_reason": finish}])

        tokens = [[delta({"content": token})] for token in said.tokens]
        if said.tool:
            begun = {**_called(said, call), "index": 0}
            begun["function"] = {"name": said.tool, "arguments": ""}
            rest = {"index": 0, "function": {"arguments": said.arguments}}
            tokens = [[delta({"tool_calls": [begun]})], [delta({"tool_calls": [rest]})]]
        end = [delta({}, _finish(said))]
        if (body.get("stream_options") or {}).get("include_usage"):
            end.append(chunk(choices=[], usage=_usage(said)))
        first = [delta({"role": "assistant", "content": None if said.tool else ""})]
        return [first, *tokens, [*end, b"data: [DONE]\n\n"]]

    def empty(self, body: Mapping[str, Any], call: str) -> tuple[dict[str, Any], list[bytes]]:
        """Return an answer without choices, and a stream without content."""
        document = self.whole(body, answers.Said(tokens=()), call) | {"choices": []}
        return document, [b"data: [DONE]\n\n"]

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        kind = _TYPES.get(status, "server_error")
        return _error(kind, message, _CODES.get(status))

    def refusal(self, kind: Kind, tokens: int) -> dict[str, Any]:
        """Return the error of what is refused for its content or length."""
        if kind is Kind.POLICY:
            words = "Your request was rejected as a result of our safety system."
            return _error("invalid_request_error", words, "content_policy_violation")
        words = (
            "This model's maximum context length is 128000 tokens. However, your messages "
            f"resulted in {tokens} tokens. Please reduce the length of the messages."
        )
        return _error("invalid_request_error", words, "context_length_exceeded", "messages")

    def error_event(self) -> bytes:
        """Return what a stream breaks off with."""
        return _event(self.error(500, "The server had an error while processing your request."))


def bearer(headers: Mapping[str, str]) -> str:
    """Return the key in an Authorization header."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key if scheme == "Bearer" else ""


def _called(said: Said, call: str) -> dict[str, Any]:
    function = {"name": said.tool, "arguments": said.arguments}
    return {"id": f"call_{call}", "type": "function", "function": function}


def _finish(said: Said) -> str:
    return "tool_calls" if said.tool else "length" if said.cut else "stop"


def _usage(said: Said) -> dict[str, int]:
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": len(said.tokens),
        "total_tokens": said.prompt + len(said.tokens),
    }


def _error(
    kind: str, message: str, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _event(document: Mapping[str, Any] | Sequence[object]) -> bytes:
    return b"data: %b\n\n" % json.dumps(document).encode()
