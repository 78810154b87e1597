"""docs/reference/metrics.md lists exactly what /metrics has: dashboards and alerts rely on it."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from app.agents.meters import AgentMeters
from app.llm.meters import Meters
from app.metrics import Metrics

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"


def names(registry: CollectorRegistry) -> set[str]:
    """Return the names as Prometheus sees them, with their labels."""
    found = set()
    for collector in registry._collector_to_names:
        for metric in collector.describe() if hasattr(collector, "describe") else ():
            name = metric.name + ("_total" if metric.type == "counter" else "")
            labels = ",".join(getattr(collector, "_labelnames", ()))
            found.add(f"{name}{{{labels}}}" if labels else name)
    return {name for name in found if name.startswith("dash_")}


def test_the_page_lists_every_metric_with_its_labels_and_no_other() -> None:
    metrics = Metrics("1", "blue")
    Meters(metrics.registry)
    AgentMeters(metrics.registry)
    ours = PAGE.read_text("utf-8").partition("## Of the edges")[0]
    listed = re.findall(r"(?m)^\| `(dash_[^`]+)` \|", ours)
    assert sorted(listed) == sorted(names(metrics.registry))
