"""A program with a key: asks who it is, which models there are, for an echo and for a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locust import task

from loadtests.personas.visitor import Visitor

if TYPE_CHECKING:
    from locust.contrib.fasthttp import ResponseContextManager

MODEL = "gpt"


class ApiClient(Visitor):
    """Asks at random, mostly cheap things; every answer is held against what was asked."""

    persona = "client"

    @task(3)
    def me(self) -> None:
        """Ask who one is."""
        self.ask("GET", "/v1/me", wrong=lambda a: "" if "key" in a.json() else "no key in it")

    @task(2)
    def models(self) -> None:
        """Ask which models there are."""
        self.ask("GET", "/v1/models", wrong=lambda a: "" if a.json()["data"] else "no model in it")

    @task(3)
    def echo(self) -> None:
        """Send something that must come back."""
        wish = {"number": self.number, "nonce": self.world.random.random()}
        self.ask(
            "POST", "/v1/echo", json=wish,
            wrong=lambda a: "" if a.json() == wish else "another echo came back",
        )  # fmt: skip

    @task(2)
    def chat(self) -> None:
        """Ask a model."""
        wish = {"model": MODEL, "messages": [{"role": "user", "content": "Say something short."}]}
        self.ask("POST", "/v1/chat/completions", json=wish, wrong=_no_chat)


def _no_chat(answer: ResponseContextManager) -> str:
    choice = answer.json()["choices"][0]
    return "" if choice["message"]["content"] and choice["finish_reason"] else "no whole answer"
