"""One request to the gateway: what it may use, and what is noted when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app import log
from app.errors import ApiError
from app.llm.attempts import Trace
from app.llm.chat import Usage

if TYPE_CHECKING:
    from app.access.keys import ApiKey
    from app.access.limits import Limiter
    from app.access.usage import Unused
    from app.llm.accounting import Accounts
    from app.llm.catalog import Model
    from app.llm.chat import Chat
    from app.llm.meters import Meters

NOTHING = Usage(0, 0)
_log = log.get(__name__)


class Work:
    """From the first byte to the last."""

    __slots__ = (
        "_reserved", "_spent", "chat", "kept", "key", "mode", "model", "outcome", "request_id",
        "trace", "usage",
    )  # fmt: skip

    def __init__(
        self, chat: Chat, model: str, key: ApiKey, *, mode: str, request_id: str, started: float
    ) -> None:
        self.chat, self.model, self.key = chat, model, key
        self.mode, self.request_id = mode, request_id
        self.trace = Trace(started)
        self.outcome, self.usage = "cancelled", NOTHING  # until it is known better
        self.kept: list[bytes] | None = None  # what was sent, when it may be asked for again
        self._reserved = 0
        self._spent: Unused | None = None

    async def reserve(self, limiter: Limiter, model: Model) -> None:
        """Take as many tokens from the key's budget as the answer can cost at most.

        A token has at least a byte, so that the prompt's bytes are enough for it.

        Raises:
            ApiError: there are not as many left (429), or nobody knows (503).
        """
        if self.key.token_budget is None:
            return
        output = self.chat.most_output or model.output * int(self.chat.body.get("n") or 1)
        self._reserved = self.chat.size + output
        self._spent = await limiter.spend(self.key, self._reserved)

    async def settle(self, limiter: Limiter) -> None:
        """Give back what was reserved and not used, or take what was used beyond it."""
        used = self.usage.prompt + self.usage.completion
        reserved, self._reserved = self._reserved, 0
        if not reserved:
            return
        if used <= reserved:
            await limiter.refund(self._spent, reserved - used)
            return
        try:
            await limiter.spend(self.key, used - reserved)
        except ApiError:
            _log.warning("llm.beyond_budget", key=self.key.public_id, count=used - reserved)

    def headers(self) -> dict[str, str]:
        """Return what an answer that begins now says of the way it took."""
        trace = self.trace
        trace.answered()
        step = trace.step
        return {
            "x-dash-overhead-ms": f"{trace.overhead * 1000:.2f}",
            "x-dash-provider": step.deployment.provider if step else "",
            "x-dash-attempts": str(trace.calls),
        }

    def note(self, accounts: Accounts, meters: Meters) -> None:
        """Write down how it ended."""
        trace, usage, outcome = self.trace, self.usage, self.outcome
        seconds = time.perf_counter() - trace.started
        if not trace.overhead:
            trace.answered()  # there was no answer, or not a whole one
        deployment = trace.step.deployment if trace.step else None
        cost = deployment.cost(usage.prompt, usage.completion) if deployment else 0.0
        if trace.first is not None:
            meters.first(self.model, trace.first)
        meters.request(self.model, self.mode, outcome, seconds, trace.overhead)
        meters.used(self.model, usage.prompt, usage.completion, cost)
        accounts.add(
            {
                "user_id": str(self.key.user_id),
                "key_id": str(self.key.id),
                "request_id": self.request_id,
                "model": self.model,
                "provider": deployment.provider if deployment else None,
                "provider_model": deployment.model if deployment else None,
                "mode": self.mode,
                "outcome": outcome,
                "path": trace.path,
                "prompt_tokens": usage.prompt,
                "completion_tokens": usage.completion,
                "estimated": not usage.exact,
                "cost": round(cost, 8),
                "first_ms": None if trace.first is None else round(trace.first * 1000, 3),
                "total_ms": round(seconds * 1000, 3),
                "overhead_ms": round(trace.overhead * 1000, 3),
            }
        )
