"""Where a request goes next, after each failure. Knows no clock and calls nobody."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from app.llm.failures import AGAIN, ELSEWHERE, Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.llm.catalog import Catalog, Deployment, Model


class Step(NamedTuple):
    """One thing to try, after a pause."""

    model: Model
    deployment: Deployment
    pause: float = 0.0


class Plan:
    """Deployments in their order, in a few rounds, then the models that stand in.

    Context length goes to the models for that and to no other deployment; a capability likewise.
    What the caller did, and a content policy, goes nowhere.
    """

    def __init__(
        self,
        catalog: Catalog,
        model: str,
        needs: frozenset[str],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._catalog, self._needs, self._uniform = catalog, needs, uniform
        self._policy = catalog.policy
        self._visited: set[str] = set()
        self._chain: list[str] = []  # models that stand in
        self._begin(model)

    def _begin(self, name: str) -> None:
        self._model = self._catalog.models[name]
        self._visited.add(name)
        self._round = 0
        self._left = list(self._model.deployments)
        self._again: list[tuple[Deployment, float]] = []  # and what its provider wants to wait
        self._now: Deployment | None = None
        self._stand_in(self._model.fallback.unavailable)

    def _stand_in(self, names: Iterable[str]) -> None:
        met = self._visited | set(self._chain)
        self._chain += [name for name in names if name not in met]

    def first(self) -> Step:
        """Return the first thing to try. Raises Failure: no model can do what is asked."""
        missing = sorted(self._needs - self._model.capabilities)
        if not missing:
            return self._step(0.0)
        step = self._other(self._model.fallback.capability)
        if step is None:
            raise Failure(Kind.UNSUPPORTED, f"this model does not support {missing[0]}")
        return step

    def next(self, failure: Failure) -> Step | None:
        """Return what to try after a failure, None when there is nothing left."""
        if failure.kind in ELSEWHERE:
            return self._elsewhere(failure)
        if failure.kind is Kind.CONTEXT_LENGTH:
            return self._other(self._model.fallback.context_length)
        if failure.kind is Kind.UNSUPPORTED:
            return self._other(self._model.fallback.capability)
        return None

    def _other(self, names: Iterable[str]) -> Step | None:
        """Go over to the first model that can; what stood in for another reason does not help."""
        self._chain = []
        self._stand_in(names)
        return self._next_model()

    def _elsewhere(self, failure: Failure) -> Step | None:
        wait = failure.retry_after or 0.0
        if failure.kind in AGAIN and self._now and wait <= self._policy.most_seconds:
            self._again.append((self._now, wait))
        if self._left:
            return self._step(0.0)
        if self._again and self._round < self._policy.retries:
            pause = self._pause()
            self._left = [deployment for deployment, _ in self._again]
            self._again = []
            self._round += 1
            return self._step(pause)
        return self._next_model()

    def _next_model(self) -> Step | None:
        while self._chain:
            name = self._chain.pop(0)
            if self._needs <= self._catalog.models[name].capabilities:
                self._begin(name)
                return self._step(0.0)
        return None

    def _step(self, pause: float) -> Step:
        self._now = self._left.pop(0)
        return Step(self._model, self._now, pause)

    def _pause(self) -> float:
        """Return a pause with full jitter, and not less than the provider wants."""
        most = min(self._policy.most_seconds, self._policy.base_seconds * 2**self._round)
        return max(self._uniform(0.0, most), min(wait for _, wait in self._again))
