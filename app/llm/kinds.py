"""Every kind of provider: one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.anthropic import Anthropic
from app.llm.kimi import Kimi
from app.llm.openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.llm.provider import Provider

KINDS: dict[str, Callable[[], Provider]] = {
    "openai": OpenAI,
    "anthropic": Anthropic,
    "kimi": Kimi,
}
