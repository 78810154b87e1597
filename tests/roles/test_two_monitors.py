"""A stack with two monitors: each whole, both of one mind, one as it always was."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.roles.lookups import ended, templated
from tests.roles.rendering import evaluate, render, unit
from tests.roles.test_wiring import ADDRESSES, GROUPS, hostvars, play

SECOND = "10.9.0.52"
TWO = {**ADDRESSES, "monitor-2": SECOND}
HOSTVARS = hostvars(TWO)
URLS = {"grafana": "https://a:1", "grafana-2": "https://a:2"}


@pytest.fixture(autouse=True, scope="module")
def _ansible() -> Iterator[None]:
    """End it after the last test."""
    yield
    ended()


def given(host: str, *monitors: str) -> dict[str, Any]:
    """Return what the inventory says to a host of a stack with these monitors."""
    return {
        "inventory_hostname": host,
        "groups": {**GROUPS, "monitor": list(monitors), "all": list(TWO)},
        "hostvars": HOSTVARS,
        "dash_address": TWO[host],
        "dash_monitor_urls": URLS,
    }


def value(name: str, state: Path, host: str, *monitors: str) -> Any:
    """Return a variable as a host of a stack with these monitors has it."""
    found = templated(name, "monitor-1", state, **given(host, *monitors))
    return ast.literal_eval(found) if found.startswith(("[", "{")) else found


BOTH = ("monitor-1", "monitor-2")


def test_each_hears_of_the_other_and_one_alone_of_nobody(tmp_path: Path) -> None:
    assert value("alertmanager_peers", tmp_path, "monitor-1", *BOTH) == [SECOND]
    assert value("alertmanager_peers", tmp_path, "monitor-2", *BOTH) == ["10.9.0.51"]
    assert value("alertmanager_peers", tmp_path, "monitor-1", "monitor-1") == []
    assert value("prometheus_neighbours", tmp_path, "monitor-1", *BOTH) == [
        {"name": "monitor-2", "address": SECOND}
    ]
    assert value("prometheus_neighbours", tmp_path, "monitor-1", "monitor-1") == []


@pytest.mark.parametrize(
    ("role", "monitors", "client"),
    [("monitor", BOTH, True), ("monitor", ("monitor-1",), False), ("edge", BOTH, False)],
)
def test_only_one_of_several_monitors_can_show_who_it_is_as_a_client(
    tmp_path: Path, role: str, monitors: tuple[str, ...], client: bool
) -> None:
    known = play("monitor-1", tmp_path, **given("monitor-1", *monitors)) | {"dash_role": role}

    assert evaluate("{{ pki_client }}", known) is client


def scraped(state: Path, host: str) -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Return targets and labels by job, of the rendered configuration."""
    names = ("prometheus_jobs", "prometheus_probes", "prometheus_alertmanagers")
    found = {n: value(n, state, host, *BOTH) for n in (*names, "prometheus_neighbours")}
    text = render("prometheus", "prometheus.yml.j2", inventory_hostname=host,
                  prometheus_address=TWO[host], **found)  # fmt: skip
    return {
        job["job_name"]: [
            (target, each["labels"]) for each in job["static_configs"] for target in each["targets"]
        ]
        for job in yaml.safe_load(text)["scrape_configs"]
    }


def test_both_see_the_same_with_the_same_labels(tmp_path: Path) -> None:
    """Or one trouble would be two alerts; but for what answers on its own host's loopback alone."""
    first, second = (scraped(tmp_path, host) for host in BOTH)
    own = {"loki", "blackbox"}

    assert set(first) == set(second)
    for job in set(first) - own:
        assert sorted(map(str, first[job])) == sorted(map(str, second[job])), job
    for job in ("prometheus", "alertmanager", "grafana"):
        assert {labels["host"] for _, labels in first[job]} == set(BOTH), job
    assert {labels["host"] for job in own for _, labels in second[job]} == {"monitor-2"}


def test_every_alertmanager_is_told_and_one_that_is_gone_holds_up_no_other(tmp_path: Path) -> None:
    managers = value("prometheus_alertmanagers", tmp_path, "monitor-1", *BOTH)
    texts = [
        render("prometheus", "prometheus.yml.j2", prometheus_alertmanagers=told)
        for told in (managers, managers[:1])
    ]
    two, one = (yaml.safe_load(text)["alerting"]["alertmanagers"][0] for text in texts)

    assert two["static_configs"] == [{"targets": ["10.9.0.51:9093", f"{SECOND}:9093"]}]
    assert (two["timeout"], one.get("timeout")) == ("3s", None)


def test_nothing_that_leaves_one_says_which_of_both_it_was(tmp_path: Path) -> None:
    known = value("prometheus_stack", tmp_path, "monitor-2", *BOTH)
    text = render("prometheus", "prometheus.yml.j2", prometheus_stack=known)

    assert yaml.safe_load(text)["global"]["external_labels"] == {"stack": "lab"}


def test_lines_go_to_every_loki(tmp_path: Path) -> None:
    one = value("collector_also", tmp_path, "edge-1", "monitor-1")
    two = value("collector_also", tmp_path, "edge-1", *BOTH)

    assert value("collector_endpoint", tmp_path, "edge-1", *BOTH) == "https://10.9.0.51:3101/otlp"
    assert (one, two) == ({}, {"monitor-2": f"https://{SECOND}:3101/otlp"})
    assert value("collector_also", tmp_path, "edge-1") == {}


@pytest.mark.parametrize(("host", "prefix"), [("monitor-1", ""), ("monitor-2", "monitor-2/")])
def test_two_lokis_share_a_bucket_and_no_key_in_it(tmp_path: Path, host: str, prefix: str) -> None:
    assert value("loki_prefix", tmp_path, host, *BOTH) == prefix


@pytest.mark.parametrize(
    ("host", "url"), [("monitor-1", "https://a:1"), ("monitor-2", "https://a:2")]
)
def test_links_lead_to_the_monitor_that_made_them(tmp_path: Path, host: str, url: str) -> None:
    assert value("grafana_public_url", tmp_path, host, *BOTH) == url
    assert value("prometheus_public_url", tmp_path, host, *BOTH) == ""


def test_each_way_to_a_loki_has_its_own_reader_and_queue() -> None:
    also = {"monitor-2": "https://b:1/otlp"}
    two = yaml.safe_load(render("collector", "otelcol.yml.j2", collector_also=also))
    one = yaml.safe_load(render("collector", "otelcol.yml.j2"))

    assert set(one["receivers"]) == {"file_log"}, "the names under which offsets and queue are kept"
    assert set(one["exporters"]) == {"otlp_http"}
    assert {
        name: (p["receivers"], p["exporters"]) for name, p in two["service"]["pipelines"].items()
    } == {
        "logs": (["file_log"], ["otlp_http"]),
        "logs/monitor-2": (["file_log/monitor-2"], ["otlp_http/monitor-2"]),
    }
    first, second = two["exporters"]["otlp_http"], two["exporters"]["otlp_http/monitor-2"]
    assert second == {**first, "endpoint": "https://b:1/otlp"} != first
    assert two["receivers"]["file_log/monitor-2"] == two["receivers"]["file_log"]
    assert one["exporters"]["otlp_http"] == first


def test_alertmanager_speaks_to_its_peers_alone_and_by_tls_both_ways() -> None:
    text = render("alertmanager", "alertmanager-override.conf.j2",
                  alertmanager_address="10.9.0.51", alertmanager_peers=[SECOND])  # fmt: skip
    cluster = yaml.safe_load(render("alertmanager", "cluster.yml.j2"))

    assert "--cluster.listen-address=10.9.0.51:9094 " in text
    assert f"--cluster.peer={SECOND}:9094 " in text
    assert "--cluster.tls-config=${CREDENTIALS_DIRECTORY}/cluster.yml " in text
    assert any(x.startswith("cluster.yml:") for x in unit(text)["Service"]["LoadCredential"])
    assert cluster["tls_server_config"]["client_auth_type"] == "RequireAndVerifyClientCert"
    assert cluster["tls_client_config"]["ca_file"] == "/etc/dash/ca.pem"


def test_one_alone_listens_for_nobody() -> None:
    text = render("alertmanager", "alertmanager-override.conf.j2")

    assert "--cluster.listen-address= " in text
    assert text.count("cluster") == 1
