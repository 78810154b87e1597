"""The monitor of a running lab: it sees everything, and tells at once when something is gone."""

from __future__ import annotations

import subprocess
import time
import urllib.parse
from typing import TYPE_CHECKING

import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import MONITOR
from ops import lines, monitor
from ops.session import Session
from tests.e2e.driver import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.driver import Lab

pytestmark = pytest.mark.lab
JOBS = {
    "alertmanager", "app", "blackbox", "collector", "edge", "grafana", "loki", "node",
    "postgres", "probe_http", "probe_tls", "prometheus",
}  # fmt: skip
PATIENCE = 90  # seconds; on a machine that has nothing else to do it is paged within 30
MOST_SERIES = 12_000  # after the releases and the load of the tests before


def firing(session: Session) -> set[tuple[str, str]]:
    """Return the alerts that fire, each with its host."""
    found = monitor.query(session, 'ALERTS{alertstate="firing"}')
    return {(x["metric"]["alertname"], x["metric"].get("host", "")) for x in found}


def value(session: Session, expr: str) -> float:
    """Return the one value of an expression."""
    [sample] = monitor.query(session, expr)
    return float(sample["value"][1])


def examples(session: Session, selector: str) -> list[str]:
    """Return the ids of requests that stand beside a histogram's buckets, of the last minutes."""
    now = time.time()
    given = urllib.parse.urlencode({"query": selector, "start": now - 300, "end": now + 5})
    found = monitor.ask(session, "prometheus", f"/api/v1/query_exemplars?{given}")["data"]
    return [each["labels"]["request_id"] for one in found for each in one["exemplars"]]


def until(seconds: float, session: Session, wanted: tuple[str, str], *, there: bool) -> float:
    """Wait until an alert fires, or no longer does; return how long it took."""
    begun = time.monotonic()
    while (wanted in firing(session)) is not there:
        waited = time.monotonic() - begun
        assert waited < seconds, f"after {waited:.0f} s: {firing(session)}"
        time.sleep(0.5)
    return time.monotonic() - begun


@pytest.fixture(name="killed")
def _killed(lab: Lab) -> Iterator[str]:
    """The host of the colour that does not serve, its processes gone; there again afterwards."""
    host = f"app-{'green' if lab.active()[0] == 'blue' else 'blue'}-1"
    container = lab.container(host)
    subprocess.run(["podman", "kill", "-s", "KILL", container], check=True, timeout=60)
    yield host
    subprocess.run(["podman", "start", container], check=False, timeout=60)


def test_every_target_of_what_runs_is_up(session: Session) -> None:
    found = monitor.query(session, "up")
    down = {x["metric"]["instance"] for x in found if x["value"][1] != "1"}
    serves = "max by (color) (dash_edge_active) == 1"
    idle = monitor.query(session, f'up{{job="app"}} unless on (color) ({serves})')

    assert {x["metric"]["job"] for x in found} == JOBS
    assert down <= {x["metric"]["instance"] for x in idle}


def test_strangers_see_nothing(lab: Lab) -> None:
    for service in MONITOR:
        address = lab.outputs()["urls"][service]
        said = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert",
             str(lab.directory / "ca.pem"), f"{address}/metrics"],
            check=True, capture_output=True, text=True, timeout=20,
        ).stdout  # fmt: skip
        assert said == "401", service


def test_a_look_at_the_whole_stack_costs_a_bounded_number_of_series(session: Session) -> None:
    assert 1_000 < value(session, "prometheus_tsdb_head_series") < MOST_SERIES


def test_the_release_is_told_by_the_edge(session: Session, lab: Lab) -> None:
    color, version = lab.active()

    assert value(session, f'max(dash_edge_active{{color="{color}"}})') == 1
    assert value(session, 'max(dash_release_operations_total{kind="deploy",outcome="done"})') >= 1
    assert monitor.query(session, f'dash_build_info{{version="{version}",color="{color}"}}')


def test_the_service_tells_of_its_process_from_within_its_sandbox(
    session: Session, base: str, lab: Lab
) -> None:
    """The unit hides /proc/stat, without which prometheus_client's own collector is silent."""
    here = f'* on (instance) dash_build_info{{version="{base}",color="{lab.active()[0]}"}}'

    assert value(session, f"max(process_resident_memory_bytes {here})") > 30e6
    assert value(session, f"max(process_open_fds {here})") > 5
    assert 0 < value(session, f"time() - min(process_start_time_seconds {here})") < 86400


def test_a_time_to_answer_leads_to_the_lines_of_a_request(
    session: Session, base: str, lab: Lab
) -> None:
    """Of the release that serves: what the metric names as an example, Loki has the lines of."""
    asked = f"e2e-exemplar-{time.time_ns()}"
    url = f"{lab.outputs()['urls']['https']}/openapi.json"
    subprocess.run(
        ["curl", "-sf", "-o", "/dev/null", "--cacert", str(lab.directory / "ca.pem"),
         "-H", f"X-Request-Id: {asked}", url],
        check=True, timeout=20,
    )  # fmt: skip
    selector = f'dash_request_seconds_bucket{{route="/openapi.json",color="{lab.active()[0]}"}}'

    assert wait_for(lambda: asked in examples(session, selector), 20), examples(session, selector)
    assert wait_for(lambda: bool(lines.ask(session, lines.of_request(asked), 10)), 20)
    found = lines.ask(session, lines.of_request(asked), 10)
    assert {line.unit for line in found} >= {"dash-app.service"}, (base, found)


def test_status_tells_what_is_left_of_the_budgets(lab: Lab, session: Session) -> None:
    assert monitor.present(session)
    assert set(lab.status()["budget"]) >= {"availability", "latency"}


def test_a_killed_host_is_paged_and_over_when_it_is_back(
    session: Session, killed: str, lab: Lab, record_property: Callable[[str, object], None]
) -> None:
    took = until(PATIENCE, session, ("HostDown", killed), there=True)
    subprocess.run(["podman", "start", lab.container(killed)], check=True, timeout=60)
    until(120, session, ("HostDown", killed), there=False)

    record_property("paged_after_seconds", round(took, 1))  # a figure, not a claim
    assert ("TargetDown", killed) not in firing(session)
