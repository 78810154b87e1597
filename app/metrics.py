"""What Prometheus sees: one registry per app, on a listener of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Rate, errors and duration by route template, and the pool."""

    def __init__(self, version: str, color: str) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("dash_requests", "Requests answered",
                                ["route", "method", "status"], registry=self.registry)
        self.seconds = Histogram("dash_request_seconds", "Time to answer", ["route", "method"],
                                 buckets=BUCKETS, registry=self.registry)
        self.in_flight = Gauge("dash_requests_in_flight", "Requests under way",
                               registry=self.registry)
        self.pool = Gauge("dash_pool_connections", "Connections to the database", ["state"],
                          registry=self.registry)
        self.listening = Gauge("dash_key_listener_up", "Whether changed keys are heard of",
                               registry=self.registry)
        build = Gauge("dash_build_info", "The release that runs", ["version", "color"],
                      registry=self.registry)
        build.labels(version, color).set(1)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
