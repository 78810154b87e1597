"""What the monitor is given: what is scraped, who is told, how its programs are shut in."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml

from ops import lines
from tests.roles.rendering import evaluate, render, unit, variables

JOB = {"name": "edge", "targets": [{"address": "10.9.0.11:8405", "labels": {"host": "edge-1"}}]}
PROBE = {"module": "http", "address": "https://10.9.0.11/healthz", "labels": {"host": "edge-1"}}


def prometheus(**given: Any) -> Any:
    return yaml.safe_load(render("prometheus", "prometheus.yml.j2", **given))


def test_a_job_has_its_targets_with_their_labels() -> None:
    found = prometheus(prometheus_jobs=[JOB], prometheus_stack="staging")

    assert found["global"]["external_labels"] == {"stack": "staging"}
    assert found["global"]["scrape_interval"] == found["global"]["evaluation_interval"] == "5s"
    job = found["scrape_configs"][-1]
    assert job["job_name"] == "edge"
    assert job["static_configs"] == [{"targets": ["10.9.0.11:8405"], "labels": {"host": "edge-1"}}]
    assert job["sample_limit"] == 20000


def test_a_probe_asks_the_exporter_about_the_address() -> None:
    job = prometheus(prometheus_probes=[PROBE])["scrape_configs"][-1]

    assert (job["job_name"], job["metrics_path"]) == ("probe_http", "/probe")
    assert job["params"] == {"module": ["http"]}
    assert job["static_configs"] == [{"targets": [PROBE["address"]], "labels": {"host": "edge-1"}}]
    assert job["relabel_configs"][-1]["replacement"] == "127.0.0.1:9115"


def test_alertmanager_is_reached_over_tls_with_a_password_from_a_file() -> None:
    found = prometheus(prometheus_alertmanagers=[{"address": "10.9.0.51:9093"}])
    [manager] = found["alerting"]["alertmanagers"]

    assert manager["scheme"] == "https"
    assert manager["tls_config"] == {"ca_file": "/etc/dash/ca.pem"}
    assert manager["basic_auth"]["password_file"].startswith("/run/credentials/")
    assert "alerting" not in prometheus()


def test_what_a_stack_lacks_is_told_to_the_rules() -> None:
    found = yaml.safe_load(
        render("prometheus", "capabilities.yml.j2", prometheus_capabilities={"backups": False})
    )

    assert {r["labels"]["capability"]: r["expr"] for r in found["groups"][0]["rules"]} == {
        "backups": "vector(0)",
        "everything": "vector(1)",
    }


def test_a_password_has_one_hash_on_one_host() -> None:
    """Or every run would be a change; and another host's hash gives nothing away."""
    given = {"prometheus_password": "sixteen-or-more-letters"}  # pragma: allowlist secret
    first, again = (render("prometheus", "web.yml.j2", **given) for _ in range(2))
    other = render("prometheus", "web.yml.j2", **given, inventory_hostname="monitor-2")

    assert first == again != other
    assert "sixteen" not in first
    assert yaml.safe_load(first)["basic_auth_users"]["dash"].startswith("$2b$10$")


@pytest.mark.parametrize("role", ["prometheus", "alertmanager"])
def test_a_unit_listens_on_its_address_alone_and_is_bounded(role: str) -> None:
    given = {f"{role}_address": "10.9.0.51", f"{role}_memory_max": "77M"}
    service = unit(render(role, f"{role}-override.conf.j2", **given))["Service"]

    assert "--web.listen-address=10.9.0.51:" in render(role, f"{role}-override.conf.j2", **given)
    assert service["MemoryMax"] == ["77M"]
    assert service["ProtectSystem"] == ["strict"]
    assert any(line.startswith("web.yml:") for line in service["LoadCredential"])


def alertmanager(*receivers: dict[str, Any]) -> Any:
    given = {"alertmanager_receivers": list(receivers)}
    return yaml.safe_load(render("alertmanager", "alertmanager.yml.j2", **given))


def test_without_receivers_nobody_is_told() -> None:
    found = alertmanager()

    assert [r["name"] for r in found["receivers"]] == ["nobody"]
    assert {r["receiver"] for r in found["route"]["routes"]} == {"nobody"}


def test_a_receiver_is_told_of_its_severities_and_pages_go_at_once() -> None:
    hook = {
        "name": "x",
        "kind": "webhook",
        "url": "https://e.org",
        "severities": ["page", "ticket"],
    }
    routes = alertmanager(hook)["route"]["routes"][1:]

    assert [r["matchers"] for r in routes] == [['severity="page"'], ['severity="ticket"']]
    assert [r["group_wait"] for r in routes] == ["2s", "30s"]
    assert all(r["continue"] for r in routes)


def test_a_secret_is_a_file_and_never_in_the_configuration() -> None:
    chat = {"name": "x", "kind": "slack", "credential": "chat", "severities": ["page"]}
    text = render(
        "alertmanager",
        "alertmanager.yml.j2",
        alertmanager_receivers=[chat],
        alertmanager_credentials={"chat": "https://hooks.example.com/x"},
    )

    assert "example.com" not in text
    assert "/run/credentials/prometheus-alertmanager.service/alert_chat" in text


def test_mail_goes_over_tls_unless_this_host_takes_it() -> None:
    mail = {"name": "m", "kind": "email", "to": ["a@e.org", "b@e.org"], "from": "d@e.org"}
    found = [
        alertmanager({**mail, "smarthost": host})["receivers"][-1]["email_configs"][0]
        for host in ("mail.e.org:587", "127.0.0.1:25")
    ]

    assert [f["require_tls"] for f in found] == [True, False]
    assert found[0]["to"] == "a@e.org, b@e.org"


def test_a_dead_host_silences_its_services_and_nobody_elses() -> None:
    rule = alertmanager()["inhibit_rules"][0]

    assert rule["source_matchers"] == ['alertname="HostDown"']
    assert rule["equal"] == ["host"]


def test_the_watchdog_reaches_the_dead_mans_switch_every_minute() -> None:
    found = alertmanager({"name": "d", "kind": "deadman", "url": "https://e.org/alive"})
    watchdog = found["route"]["routes"][0]

    assert (watchdog["receiver"], watchdog["repeat_interval"]) == ("deadman", "1m")
    assert found["receivers"][1]["webhook_configs"] == [
        {"url": "https://e.org/alive", "send_resolved": False}
    ]


@pytest.mark.parametrize(
    ("receiver", "whole"),
    [
        ({"kind": "webhook", "url": "https://e.org"}, True),
        ({"kind": "webhook", "credential": "s"}, True),
        ({"kind": "webhook"}, False),
        ({"kind": "deadman"}, False),
        ({"kind": "slack", "url": "https://e.org"}, False),
        ({"kind": "email", "to": ["a@e.org"], "from": "d@e.org"}, False),
        ({"kind": "email", "to": ["a@e.org"], "from": "d@e.org", "smarthost": "h:25"}, True),
    ],
)
def test_a_receiver_that_cannot_be_told_is_found(receiver: dict[str, Any], whole: bool) -> None:
    known = variables("alertmanager", alertmanager_receivers=[{"name": "x", **receiver}])

    assert evaluate("{{ __alertmanager_incomplete }}", known) == ([] if whole else ["x"])


GUARDED = {"name": "grafana", "user": "dash", "password": "x", "targets": [{"address": "a:3000"}]}


def test_a_target_that_wants_a_password_is_asked_over_tls_with_one_from_a_file() -> None:
    job = prometheus(prometheus_jobs=[GUARDED])["scrape_configs"][-1]

    assert job["scheme"] == "https"
    assert job["basic_auth"]["username"] == "dash"
    assert job["basic_auth"]["password_file"].endswith("/job_grafana")
    override = render("prometheus", "prometheus-override.conf.j2", prometheus_jobs=[GUARDED])
    assert (
        "job_grafana:/etc/prometheus/credentials/job_grafana"
        in unit(override)["Service"]["LoadCredential"]
    )
    assert "scheme" not in prometheus(prometheus_jobs=[JOB])["scrape_configs"][-1]


SOURCE = {
    "url": "https://10.9.0.51:9090",
    "user": "dash",
    "password": "sesame",  # pragma: allowlist secret
}  # pragma: allowlist secret


def sources(**given: Any) -> Any:
    known = {"__grafana_before": {"stdout": ""}, **given}
    return yaml.safe_load(render("grafana", "datasources.yml.j2", **known))


def test_a_data_source_is_asked_over_tls_with_a_password_from_a_file() -> None:
    text = render(
        "grafana", "datasources.yml.j2", grafana_prometheus=SOURCE, __grafana_before={"stdout": ""}
    )
    [source] = yaml.safe_load(text)["datasources"]

    assert (source["uid"], source["type"], source["isDefault"]) == (
        "prometheus",
        "prometheus",
        True,
    )
    assert source["jsonData"]["tlsAuthWithCACert"] is True
    assert source["secureJsonData"]["basicAuthPassword"].startswith("$__file{/run/credentials/")
    assert "sesame" not in text
    assert not source["editable"]


def test_a_data_source_may_want_a_certificate_instead() -> None:
    loki = {"url": "https://10.9.0.51:3100", "certificate": "c", "key": "k"}
    [source] = sources(grafana_loki=loki)["datasources"]

    assert source["jsonData"]["tlsAuth"] is True
    assert set(source["secureJsonData"]) == {"tlsCACert", "tlsClientCert", "tlsClientKey"}
    assert source["basicAuth"] is False


def test_a_request_leads_to_its_lines_where_there_is_loki() -> None:
    """Grafana reads `$$` as `$`, and the browser puts the id for what then stands there."""
    loki = {"url": "https://10.9.0.51:3100", "certificate": "c", "key": "k"}
    found = sources(
        grafana_prometheus=SOURCE, grafana_loki=loki, grafana_public_url="https://watch.example"
    )["datasources"]
    [way] = next(x for x in found if x["uid"] == "prometheus")["jsonData"][
        "exemplarTraceIdDestinations"
    ]
    [alone] = sources(grafana_prometheus=SOURCE)["datasources"]

    assert way["name"] == "request_id"
    address, _, query = way["url"].replace("$${__value.raw}", "req-12345678").partition("?")
    assert address == "https://watch.example/explore"
    [pane] = json.loads(parse_qs(query)["panes"][0]).values()
    assert pane["datasource"] == "loki"
    assert pane["queries"][0]["expr"] == lines.of_request("req-12345678")
    assert "exemplarTraceIdDestinations" not in alone["jsonData"]


def test_what_is_no_longer_declared_is_told_to_go() -> None:
    before = {"stdout": '["Loki", "Prometheus"]'}
    found = sources(grafana_prometheus=SOURCE, __grafana_before=before)

    assert [x["name"] for x in found["deleteDatasources"]] == ["Loki"]
    assert "deleteDatasources" not in sources(grafana_prometheus=SOURCE)


def test_grafana_listens_on_its_address_alone_and_is_bounded() -> None:
    given = {"grafana_address": "10.9.0.51", "grafana_memory_max": "77M"}
    service = unit(render("grafana", "grafana-server.service.j2", **given))["Service"]
    text = render("grafana", "dash.ini.j2", **given)

    assert "http_addr = 10.9.0.51\n" in text
    assert "admin_password = $__file{/run/credentials/grafana-server.service/password}\n" in text
    assert service["MemoryMax"] == ["77M"]
    assert service["ProtectSystem"] == ["strict"]
    names = [line.partition(":")[0] for line in service["LoadCredential"]]
    assert names == ["tls.pem", "tls.key", "password", "secret_key"]
