"""The server's side of a run: what Prometheus kept of its span. No monitor is no fault."""

from __future__ import annotations

import base64
import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtests.target import Target

STEP = 5  # seconds; the monitor scrapes that often
SECONDS = 10.0
RATE = "[20s]"
BEFORE = 60.0  # seconds that are looked at before a run
BUSY = f'1 - avg(rate(node_cpu_seconds_total{{mode="idle",role="app"}}{RATE}))'

Series = dict[str, list[tuple[float, float]]]

VERSION = "version that served"


def _sign_ins(part: str) -> str:
    return f'dash_request_seconds_{part}{{route="/sign-in",method="POST"}}{RATE}'


def _pool(state: str) -> str:
    return f'dash_pool_connections{{state="{state}"}}'


# By name: the expression, and the label that tells its series apart ("": one series).
QUERIES: Mapping[str, tuple[str, str]] = {
    "cpu of the machine": (BUSY, ""),
    "cpu of the service (cores)": (
        f'sum by (color) (rate(process_cpu_seconds_total{{job="app"}}{RATE}))', "color",
    ),
    "memory of the service (MB)": (
        'sum by (color) (process_resident_memory_bytes{job="app"}) / 1e6', "color",
    ),
    "pool: share in use of the most": (
        (f'max by (color) (({_pool("open")} - ignoring(state) {_pool("free")})'
        f' / ignoring(state) {_pool("most")})'), "color",
    ),
    "pool: requests that wait": (f"max by (color) ({_pool('waiting')})", "color"),
    "requests in flight": ("sum by (color) (dash_requests_in_flight)", "color"),
    "gateway: requests that wait": ("sum by (provider) (dash_llm_queued)", "provider"),
    "gateway: calls under way": ("sum by (provider) (dash_llm_in_flight)", "provider"),
    "sign-ins a second": (f"sum(rate({_sign_ins('count')}))", ""),
    "sign-in: seconds (mean)": (
        f"sum(rate({_sign_ins('sum')})) / sum(rate({_sign_ins('count')}))", "",
    ),
    "edge: requests that wait for a server": (
        "sum by (proxy) (haproxy_backend_current_queue)", "proxy",
    ),
    "edge: cpu of HAProxy": ("1 - avg(haproxy_process_idle_time_percent) / 100", ""),
    "database: connections": ("sum by (state) (pg_stat_activity_count > 0)", "state"),
    "database: transactions a second": (
        f'sum(rate(pg_stat_database_xact_commit{{datname="dash"}}{RATE}))', "",
    ),
    "agents connected": ("sum by (color) (dash_agents_connected)", "color"),
    "agents: seconds to deliver (p95)": (
        ("histogram_quantile(0.95, sum by (le)"
        f" (rate(dash_agent_delivery_seconds_bucket{RATE})))"), "",
    ),
    VERSION: (
        ("max by (version) (dash_build_info * on (color) group_left ()"
        " max by (color) (dash_edge_active)) > 0"), "version",
    ),
}  # fmt: skip


class Silent(Exception):
    """Prometheus gives no answer that can be read; the text is one line."""


def gather(target: Target, start: float, end: float) -> tuple[dict[str, Series], str]:
    """Return the series of a span by name, and why there are none if so."""
    if not target.prometheus:
        return {}, "the stack has no monitor"
    found: dict[str, Series] = {}
    try:
        for name, (expr, label) in QUERIES.items():
            found[name] = read(_ask(target, expr, start, end), label)
    except Silent as error:
        return found, str(error)
    return found, ""


def busy(target: Target, start: float) -> float | None:
    """Return the machine's CPU in the minute before something began; None: nobody knows."""
    if not target.prometheus:
        return None
    try:
        found = read(_ask(target, BUSY, start - BEFORE, start), "")
    except Silent:
        return None
    values = [value for points in found.values() for _, value in points]
    return sum(values) / len(values) if values else None


def versions(server: Mapping[str, Series]) -> list[str]:
    """Return the releases that served during a run; more than one when a deploy came between."""
    return sorted(server.get(VERSION, {}))


def read(document: dict[str, Any], label: str) -> Series:
    """Return the series of an answer by a label; numbers that are none are left out.

    Raises:
        Silent: it is no answer to a range query.
    """
    try:
        return {
            str(row["metric"].get(label, "")): [
                (float(at), float(value))
                for at, value in row["values"]
                if value not in ("NaN", "+Inf", "-Inf")
            ]
            for row in document["data"]["result"]
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Silent(f"Prometheus answered without a result ({error})") from None


def _ask(target: Target, expr: str, start: float, end: float) -> dict[str, Any]:
    given = {"query": expr, "start": f"{start:.0f}", "end": f"{end:.0f}", "step": str(STEP)}
    url = f"{target.prometheus}/api/v1/query_range?{urllib.parse.urlencode(given)}"
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=target.tls())]
    try:
        secret = Path(target.prometheus_password_file).read_text("utf-8").strip()
        both = base64.b64encode(f"{target.prometheus_user}:{secret}".encode()).decode()
        request = urllib.request.Request(url, headers={"Authorization": f"Basic {both}"})  # noqa: S310 -- loopback alone, see target
        opener = urllib.request.build_opener(*handlers)
        with opener.open(request, timeout=SECONDS) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except (OSError, ValueError) as error:
        raise Silent(f"{target.prometheus}: {getattr(error, 'reason', error)}") from None
