"""Anthropic's form: requests, answers and streams translated both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.llm.anthropic import Anthropic
from app.llm.anthropicstream import AnthropicReader
from app.llm.catalog import Deployment, Model
from app.llm.chat import Progress, checked
from app.llm.failures import Failure, Kind
from app.llm.sse import Event

DEPLOYMENT = Deployment(provider="p", model="claude")
MODEL = Model(deployments=(DEPLOYMENT,), output=77)
WEATHER = {"name": "weather", "description": "d", "parameters": {"type": "object"}}


def body(messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return what Anthropic is sent."""
    asked = checked({"model": "x", "messages": messages, **more}, 10)
    return Anthropic().body(asked, MODEL, DEPLOYMENT)


def text(words: str) -> dict[str, str]:
    """Return a block of text."""
    return {"type": "text", "text": words}


def test_a_conversation_with_tools_keeps_its_meaning() -> None:
    call = {"id": "c1", "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}  # fmt: skip
    found = body(
        [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "weather?"},
            {"role": "user", "content": [{"type": "text", "text": "in Bonn"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
            {"role": "user", "content": "and?"},
        ],
        tools=[{"type": "function", "function": WEATHER}],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=1.7,
        stop="END",
        stream=True,
        user="u",
        seed=3,
    )
    assert found == {
        "model": "claude",
        "max_tokens": 77,
        "system": [text("be brief")],
        "messages": [
            {"role": "user", "content": [text("weather?"), text("in Bonn")]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bonn"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [text("rain")]},
                text("and?")]},
        ],
        "tools": [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "temperature": 1.0,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "stream": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,QUJD",
         {"type": "base64", "media_type": "image/png", "data": "QUJD"}),
        ("https://example.org/a.png", {"type": "url", "url": "https://example.org/a.png"}),
    ],
)  # fmt: skip
def test_images_are_blocks(url: str, source: dict[str, str]) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    found = body([{"role": "user", "content": [part]}])
    assert found["messages"][0]["content"] == [{"type": "image", "source": source}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": {"type": "function", "function": {"name": "weather"}}},
         {"type": "tool", "name": "weather"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({}, None),
    ],
)  # fmt: skip
def test_the_choice_of_tools_is_translated(
    given: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    tools = [{"type": "function", "function": WEATHER}]
    found = body([{"role": "user", "content": "x"}], tools=tools, **given)
    assert found.get("tool_choice") == expected


@pytest.mark.parametrize(
    ("messages", "more", "param"),
    [
        ([{"role": "user", "content": "x"}], {"n": 2}, "n"),
        ([{"role": "user", "content": "x"}], {"logprobs": True}, "logprobs"),
        ([{"role": "user", "content": "x"}], {"response_format": {"type": "json_object"}},
         "response_format"),
        ([{"role": "system", "content": "x"}], {}, "messages"),
        ([{"role": "function", "content": "x"}], {}, "messages.0"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], {}, "messages.0.content.0"),
        ([{"role": "assistant", "tool_calls": [{"function": {"arguments": "{"}}]}], {},
         "messages.0.tool_calls.0"),
        ([{"role": "user", "content": "x"}], {"tools": [{"type": "web_search"}]}, "tools.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_and_not_left_out(
    messages: list[dict[str, Any]], more: dict[str, Any], param: str
) -> None:
    with pytest.raises(Failure) as caught:
        body(messages, **more)
    assert (caught.value.kind, caught.value.param) == (Kind.UNSUPPORTED, param)


MESSAGE = {
    "id": "msg_1", "type": "message", "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "hm"}, text("It "), text("rains."),
        {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bonn"}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 4},
}  # fmt: skip


def test_a_message_is_an_answer() -> None:
    found, same = Anthropic().answer(MESSAGE)
    assert not same
    (choice,) = found["choices"]
    call = choice["message"]["tool_calls"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("It rains.", "tool_calls")
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Bonn"}'}
    assert found["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


@pytest.mark.parametrize("document", [[], {}, {"content": "x"}, {"content": []}])
def test_what_is_no_message_is_no_answer(document: object) -> None:
    with pytest.raises(Failure) as caught:
        Anthropic().answer(document)
    assert caught.value.kind is Kind.MALFORMED


def stream(*documents: dict[str, Any]) -> tuple[list[dict[str, Any]], AnthropicReader]:
    """Return the chunks of some events, and the reader."""
    reader = AnthropicReader()
    chunks = []
    for document in documents:
        event = Event(document["type"], json.dumps(document).encode())
        chunks += [json.loads(chunk.data) for chunk in reader.feed(event)]
    return chunks, reader


def block(number: int, **fields: Any) -> dict[str, Any]:
    """Return the begin of a block."""
    return {"type": "content_block_start", "index": number, "content_block": fields}


def delta(number: int, **fields: Any) -> dict[str, Any]:
    """Return a part of a block."""
    return {"type": "content_block_delta", "index": number, "delta": fields}


EVENTS: list[dict[str, Any]] = [
    {"type": "message_start",
     "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 5}}},
    {"type": "ping"},
    block(0, type="thinking", thinking=""), delta(0, type="thinking_delta", thinking="hm"),
    block(1, type="text", text=""), delta(1, type="text_delta", text="It "),
    delta(1, type="text_delta", text="rains"),
    {"type": "content_block_stop", "index": 1},
    block(2, type="tool_use", id="c1", name="weather", input={}),
    delta(2, type="input_json_delta", partial_json='{"city"'),
    delta(2, type="input_json_delta", partial_json=': "Bonn"}'),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]  # fmt: skip


def test_a_stream_is_chunks() -> None:
    chunks, reader = stream(*EVENTS)
    deltas = [c["choices"][0]["delta"] for c in chunks if c["choices"]]
    calls = [d["tool_calls"][0] for d in deltas if "tool_calls" in d]
    assert "".join(d.get("content") or "" for d in deltas) == "It rains"
    assert "".join(c["function"]["arguments"] for c in calls) == '{"city": "Bonn"}'
    assert [(c["index"], c.get("id")) for c in calls] == [(0, "c1"), (0, None), (0, None)]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14,
    }  # fmt: skip
    assert {c["id"] for c in chunks} == {"msg_1"}
    progress = Progress()
    for chunk in chunks:
        progress.see(chunk)
    assert (reader.done, progress.ended) == (True, True)


@pytest.mark.parametrize("many", range(len(EVENTS) - 1))
def test_a_stream_without_its_last_event_is_not_over(many: int) -> None:
    assert not stream(*EVENTS[:many])[1].done


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, Kind.BROKEN),
        ({"type": "error", "error": {"message": "blocked by content filter policy"}},
         Kind.CONTENT_POLICY),
        ({"type": "message_start"}, Kind.BROKEN),
        ({"type": "content_block_delta", "index": 4,
          "delta": {"type": "input_json_delta", "partial_json": ""}}, Kind.BROKEN),
    ],
)  # fmt: skip
def test_an_event_that_tells_of_an_error_or_is_none_breaks_the_stream(
    document: dict[str, Any], kind: Kind
) -> None:
    with pytest.raises(Failure) as caught:
        stream(document)
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (529, "Overloaded", Kind.SERVER),
        (429, "slow down", Kind.RATE_LIMITED),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", Kind.CONTEXT_LENGTH),
        (413, "request too large", Kind.CONTEXT_LENGTH),
        (400, "Output blocked by content filtering policy", Kind.CONTENT_POLICY),
        (400, "max_tokens: must be positive", Kind.CALLER),
        (401, "invalid x-api-key", Kind.REFUSED),
        (504, "timed out", Kind.TIMEOUT),
    ],
)
def test_failures_are_told_apart(status: int, message: str, kind: Kind) -> None:
    error = {"type": "error", "error": {"type": "some_error", "message": message}}
    assert Anthropic().failure(status, error, "").kind is kind
