"""One request's calls, one after the other: through a gate, a breaker, and a deadline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from app.llm.failures import COUNTED, ELSEWHERE, Failure, Kind
from app.llm.plan import Plan, Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from app.llm.breaker import Breaker, Permit
    from app.llm.breakers import Breakers
    from app.llm.catalog import Catalog, Deployment
    from app.llm.chat import Chat
    from app.llm.gate import Gate
    from app.llm.meters import Meters

LEAST_SECONDS = 0.05  # that a call must have left to be begun


class Trace:
    """What a request went through: for headers, metrics and its row."""

    __slots__ = ("calls", "first", "overhead", "path", "started", "step", "upstream")

    def __init__(self, started: float) -> None:
        self.started = started  # the request's first byte, by time.perf_counter
        self.upstream = 0.0  # seconds that providers took
        self.first: float | None = None  # seconds until the first content
        self.calls = 0
        self.path: list[str] = []  # "openai/gpt:timeout", ...
        self.step: Step | None = None  # the last one
        self.overhead = 0.0  # seconds until the answer began that no provider took

    def began(self) -> None:
        """Note that the first content of a stream is there."""
        self.first = time.perf_counter() - self.started

    def answered(self) -> None:
        """Note that the answer begins now."""
        self.overhead = max(0.0, time.perf_counter() - self.started - self.upstream)


class Lease:
    """A place at a provider and its breaker's permit, until the call is over."""

    __slots__ = ("_breaker", "_gate", "_meters", "_name", "_over", "_trace", "permit", "step")

    def __init__(
        self,
        step: Step,
        gate: Gate,
        breaker: Breaker,
        permit: Permit,
        *,
        trace: Trace,
        meters: Meters,
    ) -> None:
        self.step, self.permit = step, permit
        self._gate, self._breaker, self._trace, self._meters = gate, breaker, trace, meters
        self._name, self._over = step.deployment.name, False

    def began(self) -> None:
        """A probe is good with the first content: others need not wait for a long stream."""
        if self.permit.probe:
            self._breaker.succeeded(self.permit)

    def succeed(self) -> None:
        """The answer was whole."""
        if self._end("ok"):
            self._breaker.succeeded(self.permit)

    def fail(self, failure: Failure) -> None:
        """It was not."""
        if not self._end(failure.kind):
            return
        if failure.kind in COUNTED:
            self._breaker.failed(self.permit)
        elif failure.kind is Kind.RATE_LIMITED:
            self._breaker.limited(self.permit, failure.retry_after)
        self._breaker.released(self.permit)

    def release(self) -> None:
        """The client went away, or something here went wrong: the provider is not to blame."""
        if self._end("cancelled"):
            self._breaker.released(self.permit)

    def _end(self, outcome: str) -> bool:
        if self._over:
            return False
        self._over = True
        self._gate.leave()
        self._trace.path.append(f"{self._name}:{outcome}")
        self._meters.attempt(self._name, outcome)
        return True


class Attempts:
    """Runs calls until one is good, nothing is left to try, or time is up."""

    def __init__(
        self, catalog: Catalog, gates: Mapping[str, Gate], breakers: Breakers, meters: Meters
    ) -> None:
        self._catalog, self._gates = catalog, gates
        self._breakers, self._meters = breakers, meters

    async def run[T](
        self,
        model: str,
        chat: Chat,
        trace: Trace,
        call: Callable[[Lease, float], Awaitable[T]],
    ) -> tuple[Lease, T]:
        """Return the first good outcome of `call` and the lease it has, which is the caller's.

        Args:
            model: what is asked for.
            chat: the request.
            trace: notes what happens.
            call: makes one call within some seconds.

        Raises:
            Failure: none was good.
        """
        policy = self._catalog.policy
        end = trace.started + policy.deadline_seconds
        plan = Plan(self._catalog, model, chat.needs)
        step: Step | None = plan.first()
        seen = Seen()
        while step is not None:
            left = end - time.perf_counter()
            if step.pause >= left - LEAST_SECONDS or trace.calls >= policy.attempts:
                break
            if step.pause:
                await asyncio.sleep(step.pause)
            try:
                return await self._try(step, trace, end, call)
            except Failure as failure:
                seen.add(failure)
                step = plan.next(failure)
        raise seen.verdict(model)

    async def _try[T](
        self, step: Step, trace: Trace, end: float, call: Callable[[Lease, float], Awaitable[T]]
    ) -> tuple[Lease, T]:
        lease = await self._lease(step, trace)
        trace.step = step
        trace.calls += 1
        asked = time.perf_counter()
        try:
            done = await call(lease, end - asked)
        except Failure as failure:
            lease.fail(failure)
            raise
        except BaseException:
            lease.release()
            raise
        finally:
            trace.upstream += time.perf_counter() - asked
        return lease, done

    async def _lease(self, step: Step, trace: Trace) -> Lease:
        deployment = step.deployment
        breaker = self._breakers.of(deployment)
        gate = self._gates[deployment.provider]
        if breaker.wait() > 0:  # nobody waits for a place in vain
            raise self._closed(breaker)
        await gate.enter()
        try:
            permit = await self._admit(deployment, breaker)
        except BaseException:
            gate.leave()
            raise
        return Lease(step, gate, breaker, permit, trace=trace, meters=self._meters)

    async def _admit(self, deployment: Deployment, breaker: Breaker) -> Permit:
        permit = breaker.admit()
        if permit is None:
            raise self._closed(breaker)
        if not permit.probe:
            return permit
        mine = False
        try:
            mine = await self._breakers.claim(deployment)
        finally:
            if not mine:
                breaker.released(permit)
        if not mine:
            raise self._closed(breaker)
        return permit

    @staticmethod
    def _closed(breaker: Breaker) -> Failure:
        wait = min(breaker.wait(), 60.0)
        return Failure(Kind.OPEN, "it failed too often a moment ago", retry_after=max(1.0, wait))


class Seen:
    """The failures of one request: what is told is the last that a provider caused."""

    def __init__(self) -> None:
        self._told: Failure | None = None
        self._soonest: float | None = None

    def add(self, failure: Failure) -> None:
        """Note one."""
        worth = failure.kind is not Kind.OPEN
        if worth or self._told is None or self._told.kind not in ELSEWHERE:
            self._told = failure
        if failure.retry_after and (self._soonest is None or failure.retry_after < self._soonest):
            self._soonest = failure.retry_after

    def verdict(self, model: str) -> Failure:
        """Return what the client is told."""
        told = self._told or Failure(Kind.TIMEOUT, "there was no time left")
        if told.kind not in ELSEWHERE:
            return told
        words = f"no provider answers for {model} now: {told.words}"
        return Failure(told.kind, words, retry_after=self._soonest)
