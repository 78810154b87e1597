"""OpenAI's messages and tools in Anthropic's form."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from app.llm.failures import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,(.+)", re.DOTALL)
Block = dict[str, Any]


def messages(given: Sequence[Mapping[str, Any]]) -> tuple[list[Block], list[Block]]:
    """Return the system prompt's blocks and the turns.

    Anthropic takes turns of user and assistant: what stands side by side is put into one.

    Raises:
        Failure: a message cannot be said in Anthropic's form.
    """
    system: list[Block] = []
    turns: list[Block] = []
    for number, message in enumerate(given):
        where = f"messages.{number}"
        role = message["role"]
        if role in {"system", "developer"}:
            system += _content(message.get("content"), where)
            continue
        speaker = "assistant" if role == "assistant" else "user"
        blocks = _blocks(role, message, where)
        if turns and turns[-1]["role"] == speaker:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": speaker, "content": blocks})
    if not turns:
        raise _cannot("messages", "there is no message but the system's")
    return system, turns


def _blocks(role: str, message: Mapping[str, Any], where: str) -> list[Block]:
    if role == "tool":
        content = _content(message.get("content"), where)
        return [
            {
                "type": "tool_result",
                "tool_use_id": str(message.get("tool_call_id") or ""),
                "content": content,
            }
        ]
    if role == "function":
        raise _cannot(where, "the role function is not supported: use tools")
    blocks = _content(message.get("content"), where)
    calls = message.get("tool_calls") or ()
    return blocks + [_call(call, f"{where}.tool_calls.{i}") for i, call in enumerate(calls)]


def _call(call: object, where: str) -> Block:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise _cannot(where, "it has no function")
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (TypeError, ValueError):
        arguments = None
    if not isinstance(arguments, dict):
        raise _cannot(where, "its arguments are not a JSON object")
    name = str(function.get("name") or "")
    return {"type": "tool_use", "id": str(call.get("id") or ""), "name": name, "input": arguments}


def _content(content: object, where: str) -> list[Block]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    assert isinstance(content, list)  # noqa: S101 -- ChatRequest lets nothing else through
    return [_part(part, f"{where}.content.{i}") for i, part in enumerate(content)]


def _part(part: Mapping[str, Any], where: str) -> Block:
    if part["type"] == "text" and isinstance(part.get("text"), str):
        block: Block = {"type": "text", "text": part["text"]}
        if "cache_control" in part:
            block["cache_control"] = part["cache_control"]
        return block
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    if part["type"] != "image_url" or not isinstance(url, str):
        raise _cannot(where, f"content of type {part['type']} is not supported")
    if data := _DATA_URL.fullmatch(url):
        source = {"type": "base64", "media_type": data[1], "data": data[2]}
    else:
        source = {"type": "url", "url": url}
    return {"type": "image", "source": source}


def tools(given: Sequence[Mapping[str, Any]]) -> list[Block]:
    """Return what a model may call."""
    found = []
    for number, tool in enumerate(given):
        function = tool.get("function")
        if tool["type"] != "function" or not isinstance(function, dict):
            raise _cannot(f"tools.{number}", f"a tool of type {tool['type']} is not supported")
        made: Block = {
            "name": function["name"],
            "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        }
        if function.get("description"):
            made["description"] = function["description"]
        found.append(made)
    return found


def tool_choice(asked: Mapping[str, Any]) -> Block | None:
    """Return how tools are chosen; None leaves it to the model."""
    given = asked.get("tool_choice")
    choice: Block | None = None
    if isinstance(given, dict):
        function = given.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        choice = {"type": "tool", "name": str(name)}
    elif given in {"auto", "none", "required"}:
        choice = {"type": "any" if given == "required" else str(given)}
    if asked.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def _cannot(where: str, words: str) -> Failure:
    return Failure(Kind.UNSUPPORTED, f"{where}: {words}", param=where)
