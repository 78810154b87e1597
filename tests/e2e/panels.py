"""Ask a lab's Grafana as a browser would: dashboards, and what their panels' queries return."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ops import monitor

if TYPE_CHECKING:
    from ops.session import Session
    from tests.e2e.picture import Line

EXEMPLAR = "exemplar"  # what Grafana calls a frame of single requests
CHOICES = {"$color": ".*", "$host": ".*"}
MINUTES = 15


def ask(session: Session, path: str, body: dict[str, Any] | None = None) -> Any:
    """Return what Grafana answers. Raises monitor.Silent."""
    return monitor.ask(session, "grafana", path, body)


def dashboards(session: Session) -> dict[str, dict[str, Any]]:
    """Return every dashboard that Grafana has by its uid."""
    found = ask(session, "/api/search?type=dash-db&tag=dash")
    return {x["uid"]: ask(session, f"/api/dashboards/uid/{x['uid']}")["dashboard"] for x in found}


def frames(session: Session, panel: dict[str, Any]) -> list[Line]:
    """Return the lines of a panel as Grafana's own query has them."""
    queries = [_query(target, panel["datasource"]) for target in panel["targets"]]
    now = int(time.time() * 1000)
    body = {"queries": queries, "from": str(now - MINUTES * 60_000), "to": str(now)}
    answer = ask(session, "/api/ds/query", body)["results"]
    found: list[Line] = []
    for target in panel["targets"]:
        result = answer[target["refId"]]
        assert not result.get("error"), (panel["title"], result)
        for frame in result["frames"]:
            if not frame["data"]["values"] or frame["schema"].get("name") == EXEMPLAR:
                continue  # nothing matched; dots are no line
            times, values = frame["data"]["values"]
            field = frame["schema"]["fields"][-1]
            name = (field.get("config") or {}).get("displayNameFromDS") or field["name"]
            found.append((str(name), times, values))
    return found


def _query(target: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    expr = target["expr"]
    for name, value in CHOICES.items():
        expr = expr.replace(name, value)
    return {
        **json.loads(json.dumps(target)), "expr": expr, "datasource": source, "range": True,
        "intervalMs": 5000, "maxDataPoints": 300,
    }  # fmt: skip
