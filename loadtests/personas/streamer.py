"""A program that reads answers as they are made: how soon the first word comes, whether it ends."""

from __future__ import annotations

import json
from time import perf_counter
from typing import TYPE_CHECKING, Any

from locust import task

from loadtests import kinds
from loadtests.personas.client import MODEL
from loadtests.personas.visitor import Visitor, said
from loadtests.sse import events

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/v1/chat/completions"
DONE = "[DONE]"


class StreamingClient(Visitor):
    """Reads streams of server-sent events."""

    persona = "streamer"

    @task
    def stream(self) -> None:
        """Ask a model for a stream; a good one has content and its end."""
        wish = {
            "model": MODEL, "stream": True,
            "messages": [{"role": "user", "content": "Count slowly."}],
        }  # fmt: skip
        began = perf_counter()
        with self.client.request(
            "POST", PATH, name=PATH, json=wish, headers=self.key, stream=True, catch_response=True
        ) as answer:
            answer.request_meta["request_type"] = kinds.STREAM
            fault, first = said(answer) if answer.status_code != 200 else "", None  # noqa: PLR2004 -- HTTP
            if not fault:
                fault, first = _read(events(answer.stream), began)
            answer.request_meta["response_time"] = (perf_counter() - began) * 1000
            if fault:
                answer.failure(fault)
            else:
                answer.success()
        if first is not None:
            self.environment.events.request.fire(
                request_type=kinds.FIRST, name=PATH, response_time=first, response_length=0,
                exception=None, context=self.context(),
            )  # fmt: skip


def _read(found: Iterator[str], began: float) -> tuple[str, float | None]:
    """Read to the end; return what is wrong, and the milliseconds until the first content."""
    first = None
    try:
        for data in found:
            if data == DONE:
                return ("" if first is not None else "a stream without content"), first
            if first is None and _content(json.loads(data)):
                first = (perf_counter() - began) * 1000
    except (OSError, ValueError, KeyError, IndexError) as error:
        return f"a stream that cannot be read: {type(error).__name__}", first
    return "a stream without an end", first


def _content(document: dict[str, Any]) -> str:
    choices = document["choices"]  # the last chunk may be of usage alone
    return str(choices[0]["delta"].get("content") or "") if choices else ""
