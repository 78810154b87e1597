"""Moonshot's Kimi: OpenAI's form, with the tokens of a stream in its last choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.openai import OpenAI, OpenAIReader

if TYPE_CHECKING:
    from app.llm.provider import Chunk
    from app.llm.sse import Event


class Kimi(OpenAI):
    """Takes what OpenAI takes."""

    def reader(self) -> OpenAIReader:
        """Return a reader that knows where Kimi counts tokens."""
        return _Reader()


class _Reader(OpenAIReader):
    def feed(self, event: Event) -> list[Chunk]:
        chunks = super().feed(event)
        for chunk in chunks:
            for choice in chunk.document["choices"]:
                if isinstance(choice, dict) and isinstance(choice.get("usage"), dict):
                    chunk.document.setdefault("usage", choice["usage"])
        return chunks
