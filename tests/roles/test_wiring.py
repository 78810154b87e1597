"""The one file that ties roles to one another, with a stack of two hosts a colour."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.roles.lookups import ended, templated
from tests.roles.rendering import ROLES, ROOT, WIRING, evaluate, render, values, variables

ADDRESSES = {
    "edge-1": "10.9.0.11",
    "app-blue-1": "10.9.0.21",
    "app-blue-2": "10.9.0.22",
    "app-green-1": "10.9.0.31",
    "app-green-2": "10.9.0.32",
    "db-1": "10.9.0.41",
    "monitor-1": "10.9.0.51",
    "simulator-1": "10.9.0.61",
}
GROUPS = {
    "all": [],
    "edge": ["edge-1"],
    "app": ["app-blue-1", "app-blue-2", "app-green-1", "app-green-2"],
    "app_blue": ["app-blue-1", "app-blue-2"],
    "app_green": ["app-green-1", "app-green-2"],
    "db": ["db-1"],
    "monitor": ["monitor-1"],
    "simulator": ["simulator-1"],
}
GROUPS["all"] = list(ADDRESSES)
MONITOR = [ADDRESSES["monitor-1"]]
ROLE_OF = {
    "app": "app_host",
    "db": "postgres",
    "edge": "edge",
    "monitor": "prometheus",
    "simulator": "simulator",
}


def kind_of(host: str) -> str:
    """Return the role of a host, as dash_role has it."""
    return host.split("-", maxsplit=1)[0]


def hostvars(addresses: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what the inventory says of hosts, given their addresses."""
    return {
        name: {
            "inventory_hostname": name,
            "dash_address": address,
            "dash_role": kind_of(name),
            "dash_color": name.split("-")[1] if kind_of(name) == "app" else "",
        }
        for name, address in addresses.items()
    }


def play(host: str, state: Path, **given: Any) -> dict[str, Any]:
    """Return the variables that a host of the stack has in a play."""
    kind = kind_of(host)
    stack = {
        "inventory_hostname": host,
        "groups": GROUPS,
        "hostvars": hostvars(ADDRESSES),
        "dash_role": kind,
        "dash_color": host.split("-")[1] if kind == "app" else "",
        "dash_address": ADDRESSES[host],
        "dash_stack": "lab",
        "dash_network": "10.9.0.0/24",
        "dash_provider": "podman",
        "dash_state_dir": str(state),
    }
    return variables(ROLE_OF[kind], **{**values(WIRING), **stack, **given})


@pytest.fixture(autouse=True, scope="module")
def _ansible() -> Iterator[None]:
    """End it after the last test."""
    yield
    ended()


def literal(variable: str, host: str, state: Path) -> Any:
    """Return what `templated` does, as the value that it is."""
    return ast.literal_eval(templated(variable, host, state))


def opened(host: str, state: Path, **given: Any) -> dict[int, list[str] | None]:
    """Return who may reach which port of a host; None is everybody."""
    found = evaluate("{{ base_firewall_open }}", play(host, state, **given))
    return {rule["port"]: rule.get("from") for rule in found}


def test_the_edge_is_open_to_the_world_but_for_preview_and_metrics(tmp_path: Path) -> None:
    assert opened("edge-1", tmp_path) == {
        9100: MONITOR, 8888: MONITOR, 80: None, 443: None, 8444: ["10.9.0.0/24"], 8405: MONITOR,
        8407: ["10.9.0.11"],
    }  # fmt: skip


def test_behind_a_load_balancer_the_edge_is_open_to_it_and_to_probes_alone(tmp_path: Path) -> None:
    found = opened("edge-1", tmp_path, dash_load_balancer_cidrs=["10.9.8.0/24"])

    assert found[80] == ["10.9.8.0/24"]
    assert found[443] == ["10.9.8.0/24", *MONITOR]


def test_an_edge_knows_the_others_and_not_itself(tmp_path: Path) -> None:
    assert literal("edge_neighbours", "edge-1", tmp_path) == []
    three = {**GROUPS, "edge": ["edge-1", "db-1", "app-blue-1"]}  # any hosts will do
    found = evaluate("{{ edge_neighbours }}", play("edge-1", tmp_path, groups=three))
    assert found == [
        {"name": "db-1", "address": "10.9.0.41"},
        {"name": "app-blue-1", "address": "10.9.0.21"},
    ]


def test_only_edges_reach_the_service(tmp_path: Path) -> None:
    assert opened("app-blue-1", tmp_path) == {
        9100: MONITOR, 8888: MONITOR, 8000: ["10.9.0.11"], 8001: MONITOR
    }  # fmt: skip


def test_only_app_hosts_reach_the_database(tmp_path: Path) -> None:
    assert opened("db-1", tmp_path) == {
        9100: MONITOR, 8888: MONITOR, 9187: MONITOR,
        5432: [ADDRESSES[h] for h in GROUPS["app"]],
    }  # fmt: skip


def test_only_app_hosts_ask_the_simulator_and_nobody_sets_its_faults(tmp_path: Path) -> None:
    hosts = [ADDRESSES[h] for h in GROUPS["app"]]
    providers = dict.fromkeys((9101, 9102, 9103), hosts)
    assert opened("simulator-1", tmp_path) == {9100: MONITOR, 8888: MONITOR, **providers}


def test_the_keys_of_providers_are_those_that_the_operator_keeps(tmp_path: Path) -> None:
    assert templated("app_host_llm_keys", "app-blue-1", tmp_path) == "{}"
    made = templated("simulator_keys", "simulator-1", tmp_path)
    kept = {f.name: f.read_bytes().decode() for f in (tmp_path / "secrets").glob("llm_*")}
    assert sorted(kept) == ["llm_anthropic", "llm_kimi", "llm_openai"]
    assert all(text.strip() in made for text in kept.values())
    assert literal("app_host_llm_keys", "app-blue-1", tmp_path) == kept


def test_what_identity_providers_need_is_what_the_operator_keeps_to_the_byte(
    tmp_path: Path,
) -> None:
    assert templated("app_host_identity_files", "app-blue-1", tmp_path) == "{}"
    secrets = tmp_path / "secrets"
    (secrets / "identity_folder").mkdir(parents=True)
    for name in ("identity_oidc_secret", "identity_ldap_ca.pem", "llm_openai"):
        (secrets / name).write_bytes(b"one {{ 1 }}\r\ntwo\n")
    text = "one {{ 1 }}\r\ntwo\n"
    found = literal("app_host_identity_files", "app-blue-1", tmp_path)
    assert found == {"identity_ldap_ca.pem": text, "identity_oidc_secret": text}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", False), ("[ldap]\nbase = '[saml]'\n", False), ("[oidc]\n\n[saml]\n", True)],
)
def test_hosts_have_what_checks_signatures_where_people_sign_in_by_saml(
    tmp_path: Path, text: str, wanted: bool
) -> None:
    known = play("app-blue-1", tmp_path) | {"release_identity": text}
    assert evaluate("{{ app_host_saml }}", known) is wanted


@pytest.mark.parametrize(("provider", "people"), [("podman", ["10.9.0.1"]), ("aws", [])])
def test_people_reach_the_monitor_through_loopback_or_ssh(
    tmp_path: Path, provider: str, people: list[str]
) -> None:
    found = opened("monitor-1", tmp_path, dash_provider=provider)

    both = people + MONITOR
    assert found == {
        9100: MONITOR,
        8888: MONITOR,
        3000: both,
        9090: both,
        9093: both,
        9094: MONITOR,
        3101: list(ADDRESSES.values()),
    }


def test_without_a_monitor_nobody_reads_figures(tmp_path: Path) -> None:
    found = opened("app-blue-1", tmp_path, groups={**GROUPS, "monitor": []})

    assert (found[9100], found[8888], found[8001]) == ([], [], [])


@pytest.mark.parametrize(
    ("provider", "network", "expected"),
    [("podman", "10.9.0.0/24", ["10.9.0.1"]), ("aws", "10.20.0.0/16", [])],
)
def test_ssh_comes_from_operators_or_from_the_hosts_own_agent(
    tmp_path: Path, provider: str, network: str, expected: list[str]
) -> None:
    known = play("db-1", tmp_path, dash_provider=provider, dash_network=network)

    assert evaluate("{{ base_ssh_from }}", known) == expected


def test_the_edge_knows_the_servers_of_each_colour(tmp_path: Path) -> None:
    assert evaluate("{{ edge_app_servers }}", play("edge-1", tmp_path)) == {
        color: [{"name": n, "address": ADDRESSES[n]} for n in GROUPS[f"app_{color}"]]
        for color in ("blue", "green")
    }


@pytest.mark.parametrize(
    ("url", "port"), [("https://127.0.0.1:8443", 8443), ("https://dash.example.com", 443)]
)
def test_redirects_go_to_the_public_port(tmp_path: Path, url: str, port: int) -> None:
    known = play("edge-1", tmp_path, dash_public_url=url)

    assert evaluate("{{ edge_public_port | int }}", known) == port


def test_both_ends_of_the_database_have_one_password_kept_for_the_operator_alone(
    tmp_path: Path,
) -> None:
    server = templated("postgres_app_password", "db-1", tmp_path)
    client = templated("app_host_db_app_password", "app-blue-1", tmp_path)
    kept = tmp_path / "secrets" / "db_app_password"

    assert server == client
    assert len(server) == 40
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_service_believes_the_edges_and_nobody_else_about_clients(tmp_path: Path) -> None:
    given = {
        "groups": {**GROUPS, "edge": ["edge-2", "edge-1"]},
        "hostvars": {
            n: {"dash_address": a} for n, a in {**ADDRESSES, "edge-2": "10.9.0.12"}.items()
        },
    }
    known = {**variables("release"), **play("app-blue-1", tmp_path, **given)}
    known |= {"release_llm_catalog": "", "release_identity": ""}  # looked up, which needs a play
    template = (ROLES / "release/templates/app.env.j2").read_text(encoding="utf-8")
    lines = str(evaluate(template, known)).splitlines()

    assert "DASH_APP_PROXIES=10.9.0.11,10.9.0.12" in lines
    assert f"DASH_APP_PUBLIC_URL={known['dash_public_url']}" in lines


def test_hosts_send_their_lines_to_the_monitor_with_the_password_that_it_knows(
    tmp_path: Path,
) -> None:
    known = play("app-blue-1", tmp_path)

    assert evaluate("{{ collector_endpoint }}", known) == "https://10.9.0.51:3101/otlp"
    assert evaluate("{{ collector_color }}", known) == "blue"
    sent = templated("collector_password", "app-blue-1", tmp_path)
    assert sent == templated("loki_password", "monitor-1", tmp_path)
    assert len(sent) == 40


@pytest.mark.parametrize("kept", ["a password of mail\n", None])
def test_mail_has_a_password_where_the_operator_keeps_one(tmp_path: Path, kept: str | None) -> None:
    if kept is not None:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets/smtp_password").write_text(kept, encoding="utf-8")

    assert templated("app_host_smtp_password", "app-blue-1", tmp_path) == (kept or "").strip()


def test_two_hosts_a_colour_stay_within_the_budget_of_connections(tmp_path: Path) -> None:
    known = play("db-1", tmp_path)

    assert evaluate("{{ __postgres_needed | int }}", known) == 4 * 8 + 10
    assert evaluate("{{ __postgres_needed | int < postgres_max_connections }}", known) is True


def test_the_pool_of_the_service_fits_what_the_budget_says() -> None:
    from app.settings import Settings  # noqa: PLC0415 -- asked for one figure only

    listener = 1
    pool = Settings.model_fields["pool_max"].default

    assert pool + listener <= values(ROLES / "postgres/defaults/main.yml")["postgres_pool_size"]


def test_the_monitor_scrapes_every_host_and_what_runs_there(tmp_path: Path) -> None:
    found = literal("prometheus_jobs", "monitor-1", tmp_path)
    addresses = {job["name"]: [t["address"] for t in job["targets"]] for job in found}

    assert addresses == {
        "node": [f"{a}:9100" for _, a in sorted(ADDRESSES.items())],
        "edge": ["10.9.0.11:8405"],
        "app": [f"{ADDRESSES[h]}:8001" for h in GROUPS["app"]],
        "postgres": ["10.9.0.41:9187"],
        "collector": [f"{a}:8888" for _, a in sorted(ADDRESSES.items())],
        "loki": ["127.0.0.1:3100"],
        "blackbox": ["127.0.0.1:9115"],
        "grafana": ["10.9.0.51:3000"],
    }
    app = next(job for job in found if job["name"] == "app")
    assert app["targets"][0]["labels"] == {"host": "app-blue-1", "role": "app", "color": "blue"}


def test_the_monitor_looks_at_public_addresses_and_at_certificates(tmp_path: Path) -> None:
    found = literal("prometheus_probes", "monitor-1", tmp_path)

    assert [(p["module"], p["address"]) for p in found] == [
        ("http", "https://10.9.0.11/healthz"),
        ("tls", "10.9.0.11:8444"),
        ("tls", "10.9.0.51:9090"),
        ("tls", "10.9.0.51:9093"),
        ("tls", "10.9.0.51:3000"),
    ]


@pytest.mark.parametrize(
    ("host", "programs"),
    [
        ("edge-1", ["node"]),
        ("db-1", ["node", "postgres"]),
        ("monitor-1", ["node", "blackbox"]),
    ],
)
def test_hosts_tell_of_what_they_have(tmp_path: Path, host: str, programs: list[str]) -> None:
    assert evaluate("{{ exporter_programs }}", play(host, tmp_path)) == programs


@pytest.mark.parametrize(
    ("host", "files"),
    [
        ("edge-1", []),
        ("db-1", ["/etc/postgresql/*/main/server.pem"]),
        ("monitor-1", ["/etc/loki/credentials/front.pem"]),
    ],
)
def test_hosts_tell_of_certificates_that_no_probe_sees(
    tmp_path: Path, host: str, files: list[str]
) -> None:
    found = evaluate("{{ exporter_certificates }}", play(host, tmp_path))

    assert found == ["/etc/dash/ca.pem", *files]


def test_the_certificate_that_is_told_of_is_the_one_postgres_shows(tmp_path: Path) -> None:
    settings = render("postgres", "postgresql.conf.j2")
    [shown] = re.findall(r"^ssl_cert_file = '(.+)'$", settings, re.MULTILINE)

    [_, told] = evaluate("{{ exporter_certificates }}", play("db-1", tmp_path))

    assert fnmatch(shown, told)


def test_receivers_find_their_secrets_by_name(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/alert_slack").write_text("https://example.com/x\n", encoding="utf-8")

    found = literal("alertmanager_credentials", "monitor-1", tmp_path)

    assert found == {"slack": "https://example.com/x"}


def test_wiring_names_only_variables_that_a_role_has() -> None:
    known = {
        name
        for path in ROLES.glob("*/defaults/main.yml")
        for name in yaml.safe_load(path.read_text(encoding="utf-8"))
    }
    files = [WIRING, *ROOT.glob("inventories/*/group_vars/*.yml")]
    named = {n for f in files for n in yaml.safe_load(f.read_text(encoding="utf-8"))}

    assert {n for n in named - known if not n.startswith("wiring_")} == {"ansible_managed"}


@pytest.mark.parametrize(("provider", "method"), [("podman", "archive"), ("aws", "apt")])
def test_grafana_comes_from_its_publisher_where_that_can_be_reached(
    tmp_path: Path, provider: str, method: str
) -> None:
    known = play("monitor-1", tmp_path, dash_provider=provider)

    assert evaluate("{{ grafana_install }}", known) == method


def test_both_ends_of_a_data_source_have_one_password(tmp_path: Path) -> None:
    source = literal("grafana_prometheus", "monitor-1", tmp_path)

    assert source["url"] == "https://10.9.0.51:9090"
    assert source["password"] == templated("prometheus_password", "monitor-1", tmp_path)
