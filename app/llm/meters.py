"""The gateway's part of /metrics. Names stand in docs/reference/metrics.md."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from app.llm.breaker import State

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
QUICK = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.05, 0.25, 1)
_STATES = {State.CLOSED: 0, State.OPEN: 1, State.FORCED: 2}


class Meters:
    """Labels are names of the catalog and types of failure, so they cannot grow."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = cache(
            Counter(
                "dash_llm_requests",
                "Requests by how they ended",
                ["model", "mode", "outcome"],
                registry=registry,
            ).labels
        )
        self._attempts = cache(
            Counter(
                "dash_llm_attempts",
                "Calls of providers by how they ended",
                ["deployment", "outcome"],
                registry=registry,
            ).labels
        )
        self._seconds = cache(
            Histogram(
                "dash_llm_request_seconds",
                "Time to a whole answer",
                ["model", "mode"],
                buckets=BUCKETS,
                registry=registry,
            ).labels
        )
        self._first = cache(
            Histogram(
                "dash_llm_first_content_seconds",
                "Time to a stream's first content",
                ["model"],
                buckets=BUCKETS,
                registry=registry,
            ).labels
        )
        self._count(registry)

    def _count(self, registry: CollectorRegistry) -> None:
        self._overhead = Histogram(
            "dash_llm_overhead_seconds",
            "Time that no provider took, queues and pauses included",
            buckets=QUICK,
            registry=registry,
        )
        self._tokens = cache(
            Counter("dash_llm_tokens", "Tokens", ["model", "direction"], registry=registry).labels
        )
        self._cost = cache(
            Counter("dash_llm_cost_dollars", "What calls cost", ["model"], registry=registry).labels
        )
        self._breaker = Gauge(
            "dash_llm_breaker_state",
            "0 closed, 1 open, 2 forced open",
            ["deployment"],
            registry=registry,
        )
        self.taken = self._by_provider(registry, "in_flight", "Calls under way")
        self.queued = self._by_provider(registry, "queued", "Requests that wait for a place")
        self.pending = Gauge("dash_llm_accounts_pending", "Rows not written yet", registry=registry)
        self.lost = Counter(
            "dash_llm_accounts_lost", "Rows that no memory was left for", registry=registry
        )

    @staticmethod
    def _by_provider(registry: CollectorRegistry, name: str, words: str) -> Gauge:
        return Gauge(f"dash_llm_{name}", words, ["provider"], registry=registry)

    def attempt(self, deployment: str, outcome: str) -> None:
        """Count a call of a provider."""
        self._attempts(deployment, outcome).inc()

    def breaker(self, deployment: str, state: State) -> None:
        """Show a breaker's state."""
        self._breaker.labels(deployment).set(_STATES[state])

    def request(self, model: str, mode: str, outcome: str, seconds: float, overhead: float) -> None:
        """Count a request that ended."""
        self._requests(model, mode, outcome).inc()
        self._seconds(model, mode).observe(seconds)
        self._overhead.observe(overhead)

    def first(self, model: str, seconds: float) -> None:
        """Note when a stream's first content came."""
        self._first(model).observe(seconds)

    def used(self, model: str, prompt: int, completion: int, cost: float) -> None:
        """Count tokens and dollars."""
        self._tokens(model, "prompt").inc(prompt)
        self._tokens(model, "completion").inc(completion)
        if cost:
            self._cost(model).inc(cost)
