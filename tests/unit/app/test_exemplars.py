"""From a time to answer to a request that took it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from app import middleware
from app.health import Health
from app.metrics import Metrics
from app.settings import Settings
from tests.unit.app.conftest import FakeDatabase

# As Prometheus 2.53 asks.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


async def asked(settings: Settings, database: FakeDatabase, requests: dict[str, str]) -> Metrics:
    """Send requests, ids by path, and return the metrics afterwards."""
    metrics = Metrics("1", "blue")
    around = middleware.around(metrics, Health(settings, database))  # type: ignore[arg-type] # a fake
    async with TestClient(TestServer(web.Application(middlewares=[around]))) as client:
        for path, request_id in requests.items():
            await client.get(path, headers={"X-Request-Id": request_id})
    return metrics


def samples(text: str) -> list[tuple[str, dict[str, str] | None]]:
    """Return names and, where there is one, the labels of the exemplar."""
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call] # the library's
    return [(s.name, s.exemplar and s.exemplar.labels) for f in families for s in f.samples]


async def test_a_request_that_has_lines_stands_beside_its_time(
    settings: Settings, database: FakeDatabase
) -> None:
    """Probes have no lines."""
    metrics = await asked(settings, database, {"/x": "missing-00001", "/healthz": "probe-00001"})
    found = samples(metrics.render(PROMETHEUS)[0].decode())

    assert [x for _, x in found if x] == [{"request_id": "missing-00001"}]
    assert ("dash_request_seconds_bucket", {"request_id": "missing-00001"}) in found


async def test_many_requests_are_one_exemplar_a_bucket_and_no_more_series(
    settings: Settings, database: FakeDatabase
) -> None:
    few = await asked(settings, database, {"/a": "request-0001"})
    many = await asked(settings, database, {f"/{n}": f"request-{n:04}" for n in range(40)})
    first, later = (samples(x.render(PROMETHEUS)[0].decode()) for x in (few, many))

    assert [name for name, _ in first] == [name for name, _ in later]
    assert 1 <= len([x for _, x in later if x]) <= 5
    assert not [name for name, _ in later if name.endswith("_created")]


async def test_who_takes_no_openmetrics_gets_no_exemplars(
    settings: Settings, database: FakeDatabase
) -> None:
    metrics = await asked(settings, database, {"/x": "missing-00001"})
    for accept in ("", "text/plain;version=0.0.4", "*/*"):
        text, kind = metrics.render(accept)

        assert b"missing-00001" not in text
        assert kind.startswith("text/plain")
