"""The agents' part of /metrics. Names stand in docs/reference/metrics.md."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class AgentMeters:
    """Labels are types of messages and words of the protocol, so they cannot grow."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge(
            "dash_agents_connected", "Sockets of agents that are open", registry=registry
        )
        self.messages = cache(
            Counter(
                "dash_agent_messages",
                "Messages by type, direction seen from the agent",
                ["type", "direction"],
                registry=registry,
            ).labels
        )
        self.refused = cache(
            Counter(
                "dash_agent_messages_refused",
                "Messages that go nowhere",
                ["code"],
                registry=registry,
            ).labels
        )
        self.closed = cache(
            Counter("dash_agent_closes", "Ends of sockets", ["word"], registry=registry).labels
        )
        self.expired = Counter(
            "dash_agent_messages_expired", "Messages that nobody fetched", registry=registry
        )
        self.delay = Histogram(
            "dash_agent_delivery_seconds",
            "From a message's row until it is sent to an agent that was connected",
            buckets=BUCKETS,
            registry=registry,
        )
