"""What all personas that speak HTTP share: one way to ask, that names, judges and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from locust.contrib.fasthttp import FastHttpUser

from loadtests import world

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.contrib.fasthttp import ResponseContextManager
    from locust.env import Environment

TIMEOUT = 30.0


class Visitor(FastHttpUser):
    """A user with a connection of its own, which trusts the stack's certificates alone."""

    abstract = True
    persona: ClassVar[str] = ""
    insecure = False
    connection_timeout = TIMEOUT
    network_timeout = TIMEOUT

    def __init__(self, environment: Environment) -> None:
        self.world = world.of(environment)
        self.number = self.world.number()
        self.side, self.host = self.world.side(self.persona)
        self.ssl_context_factory = self.world.target.tls
        super().__init__(environment)
        self.pace = self.world.pace(self.persona)

    def wait_time(self) -> float:
        """Return how long until the next arrival."""
        return self.pace.wait(world.now())

    def context(self) -> dict[str, Any]:
        """Tell listeners whom this user asks."""
        return {"side": self.side}

    @property
    def key(self) -> dict[str, str]:
        """Return the header that says who asks."""
        return {"Authorization": f"Bearer {self.world.key(self.number)}"}

    def ask(
        self,
        method: str,
        path: str,
        *,
        name: str = "",
        want: int = 200,
        wrong: Callable[[ResponseContextManager], str] | None = None,
        **words: Any,  # noqa: ANN401 -- whatever FastHttpSession.request takes
    ) -> ResponseContextManager:
        """Send one request; count it as failed by its status, or by what is wrong with its answer.

        Args:
            method: of HTTP.
            path: with its parameters.
            name: the route's template, where the path is not.
            want: the status of a good answer.
            wrong: says what is wrong with a good answer, or "".
            words: as `FastHttpSession.request` takes them.
        """
        words.setdefault("headers", self.key)
        with self.client.request(
            method, path, name=name or path, catch_response=True, **words
        ) as answer:
            found: ResponseContextManager = answer
            if answer.status_code != want:
                answer.failure(said(answer))
            elif wrong is not None and (fault := _fault(wrong, answer)):
                answer.failure(fault)
            else:
                answer.success()
            return found


def said(answer: ResponseContextManager) -> str:
    """Return what came instead of the wanted answer: the status, or why there is none."""
    if not answer.status_code:
        error = getattr(answer, "error", None)
        return f"no answer: {type(error).__name__}"
    return f"answered {answer.status_code}"


def _fault(wrong: Callable[[ResponseContextManager], str], answer: ResponseContextManager) -> str:
    try:
        return wrong(answer)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return f"answered something else: {type(error).__name__}"
