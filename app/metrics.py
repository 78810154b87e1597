"""What Prometheus sees: one registry per app, on a listener of its own."""

from __future__ import annotations

from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from app.process import Process

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# A client chooses its method's name; a label must not grow with that.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# When a series began: one more for each, which nothing asks for.
disable_created_metrics()  # type: ignore[no-untyped-call] # the library's


class Metrics:
    """Rate, errors and duration by route template, and what the process stands on."""

    def __init__(self, version: str, color: str, config: str = "") -> None:
        self.registry = CollectorRegistry()
        self.registry.register(Process())
        requests = Counter(
            "dash_requests",
            "Requests answered",
            ["route", "method", "status"],
            registry=self.registry,
        )
        seconds = Histogram(
            "dash_request_seconds",
            "Time to answer",
            ["route", "method"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        # Looking a child up by its labels costs more than counting, and they cannot grow.
        self._requests, self._seconds = cache(requests.labels), cache(seconds.labels)
        self.in_flight = self._gauge("dash_requests_in_flight", "Requests under way")
        self.pool = Gauge(
            "dash_pool_connections",
            "Connections to the database, and requests that wait for one",
            ["state"],
            registry=self.registry,
        )
        self.database_up = self._gauge("dash_database_up", "Whether the database answers")
        self.ready = self._gauge("dash_ready", "Whether /readyz answers 200")
        self.listening = self._gauge("dash_key_listener_up", "Whether changed keys are heard of")
        self.cached = self._gauge("dash_key_cache_entries", "API keys in memory")
        self.hash_checks = Counter(
            "dash_key_hash_checks", "Keys checked against bcrypt", registry=self.registry
        )
        build = Gauge(
            "dash_build_info",
            "The release that runs, and its settings",
            ["version", "color", "config"],
            registry=self.registry,
        )
        build.labels(version, color, config).set(1)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, registry=self.registry)

    def answered(
        self, route: str, method: str, status: int, seconds: float | None, request_id: str = ""
    ) -> None:
        """Count an answer.

        Args:
            route: its template, never the path.
            method: as the client said it.
            status: of HTTP.
            seconds: it took; None where that is how long a connection lasted.
            request_id: of a request that has lines, which then stands beside the time it took.
        """
        method = method if method in _METHODS else "other"
        self._requests(route, method, str(status)).inc()
        if seconds is not None:
            exemplar = {"request_id": request_id} if request_id else None
            self._seconds(route, method).observe(seconds, exemplar)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return everything, and its type: OpenMetrics, which has exemplars, for who takes it."""
        if OPEN.partition(";")[0] in accept:
            text: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call] # the same
            return text, OPEN
        return generate_latest(self.registry), PLAIN
