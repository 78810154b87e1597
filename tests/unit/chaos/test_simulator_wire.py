"""The simulator speaks as the providers do: their own clients understand it.

The clients are Any here: plain dictionaries are what the wire has.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from tests.unit.chaos.conftest import HELLO, Client

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
OPENAI_TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
ANTHROPIC_TOOL = {"name": "weather", "input_schema": SCHEMA}


@pytest.fixture(name="like_openai", params=["openai", "kimi"])
async def _like_openai(client: Client, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    url = f"{client.url(request.param)}/v1"
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as made:
        yield made


@pytest.fixture(name="claude")
async def _claude(client: Client) -> AsyncIterator[Any]:
    url = client.url("anthropic")
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as made:
        yield made


async def test_openais_client_gets_an_answer(like_openai: Any) -> None:
    found = await like_openai.chat.completions.create(model="m", messages=HELLO)
    assert found.choices[0].message.content
    assert found.choices[0].finish_reason == "stop"
    words = len(found.choices[0].message.content.split())
    assert found.usage.completion_tokens == words
    assert found.usage.total_tokens == found.usage.prompt_tokens + words


async def test_openais_client_gets_a_stream(like_openai: Any) -> None:
    stream = await like_openai.chat.completions.create(
        model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert chunks[-1].usage.completion_tokens == len(text.split())
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


async def test_openais_client_calls_a_tool_once(like_openai: Any) -> None:
    create = like_openai.chat.completions.create
    whole = await create(model="m", messages=HELLO, tools=[OPENAI_TOOL])
    call = whole.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "weather",
        {"city": "x", "days": 1},
    )
    assert whole.choices[0].finish_reason == "tool_calls"
    stream = await create(model="m", messages=HELLO, tools=[OPENAI_TOOL], stream=True)
    parts = [c.choices[0].delta.tool_calls async for c in stream]
    told = "".join(part[0].function.arguments or "" for part in parts if part)
    assert json.loads(told) == {"city": "x", "days": 1}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    asked = {"role": "assistant", "tool_calls": [call.model_dump()]}
    after = await create(model="m", messages=[*HELLO, asked, result], tools=[OPENAI_TOOL])
    assert after.choices[0].finish_reason == "stop"


async def test_anthropics_client_gets_an_answer_and_a_stream(
    claude: Any,
) -> None:
    whole = await claude.messages.create(model="m", messages=HELLO, max_tokens=50)
    assert whole.stop_reason == "end_turn"
    assert whole.usage.output_tokens == len(whole.content[0].text.split())
    async with claude.messages.stream(model="m", messages=HELLO, max_tokens=50) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == len(text.split())


async def test_anthropics_client_calls_a_tool_once(claude: Any) -> None:
    asked = {"model": "m", "messages": HELLO, "max_tokens": 50, "tools": [ANTHROPIC_TOOL]}
    whole = await claude.messages.create(**asked)
    assert (whole.stop_reason, whole.content[0].input) == ("tool_use", {"city": "x", "days": 1})
    async with claude.messages.stream(**asked) as stream:
        final = await stream.get_final_message()
    assert final.content[0].input == {"city": "x", "days": 1}
    result = {"type": "tool_result", "tool_use_id": whole.content[0].id, "content": "sunny"}
    turns = [
        *HELLO,
        {"role": "assistant", "content": [block.model_dump() for block in whole.content]},
        {"role": "user", "content": [result]},
    ]
    after = await claude.messages.create(**{**asked, "messages": turns})
    assert after.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 500}, openai.InternalServerError),
        ({"kind": "rate_limited", "retry_after": 7}, openai.RateLimitError),
        ({"kind": "policy"}, openai.BadRequestError),
        ({"kind": "context"}, openai.BadRequestError),
        ({"kind": "reset"}, openai.APIConnectionError),
        ({"kind": "refuse"}, openai.APIConnectionError),
    ],
)
async def test_openais_client_knows_the_faults_by_their_types(
    client: Client, fault: dict[str, object], kind: type[openai.OpenAIError]
) -> None:
    await client.fault("openai", **fault)
    url = f"{client.url('openai')}/v1"
    theirs: Any = openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0)
    async with theirs as made:
        with pytest.raises(kind) as raised:
            await made.chat.completions.create(model="m", messages=HELLO)
    if isinstance(raised.value, openai.RateLimitError):
        assert raised.value.response.headers["retry-after"] == "7"
    if fault["kind"] == "policy":
        assert getattr(raised.value, "code", "") == "content_policy_violation"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 529}, anthropic.InternalServerError),
        ({"kind": "rate_limited"}, anthropic.RateLimitError),
        ({"kind": "policy"}, anthropic.BadRequestError),
        ({"kind": "error_event"}, anthropic.APIStatusError),
    ],
)
async def test_anthropics_client_knows_the_faults_by_their_types(
    client: Client,
    claude: Any,
    fault: dict[str, object],
    kind: type[anthropic.AnthropicError],
) -> None:
    await client.fault("anthropic", **fault)
    with pytest.raises(kind):
        async with claude.messages.stream(model="m", messages=HELLO, max_tokens=9) as stream:
            await stream.get_final_message()


async def test_fewer_tokens_than_wanted_end_by_length(like_openai: Any, claude: Any) -> None:
    one = await like_openai.chat.completions.create(model="m", messages=HELLO, max_tokens=1)
    other = await claude.messages.create(model="m", messages=HELLO, max_tokens=1)
    assert (one.choices[0].finish_reason, other.stop_reason) == ("length", "max_tokens")
    assert (one.usage.completion_tokens, other.usage.output_tokens) == (1, 1)
