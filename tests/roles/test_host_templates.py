"""What hosts are given: firewall, PostgreSQL's files, the service's unit."""

from __future__ import annotations

import re

import pytest

from tests.roles.rendering import render, unit

type Unit = dict[str, dict[str, list[str]]]


def accepted(text: str) -> list[str]:
    """Return the rules that let somebody in at a port."""
    found = [line.strip() for line in text.splitlines()]
    return [line for line in found if "dport" in line and line.endswith("accept")]


def test_the_firewall_lets_in_what_is_opened_and_ssh_from_operators() -> None:
    opened = [
        {"port": 80},
        {"port": 5432, "from": ["10.9.0.21", "10.9.0.31"]},
        {"port": 9100, "from": []},
    ]
    text = render("base", "nftables.conf.j2", base_ssh_from=["10.9.0.1"], base_firewall_open=opened)

    assert "type filter hook input priority filter; policy drop;" in text
    assert accepted(text) == [
        "ip saddr { 10.9.0.1 } tcp dport 22 accept",
        "tcp dport 80 accept",
        "ip saddr { 10.9.0.21, 10.9.0.31 } tcp dport 5432 accept",
    ]


def test_an_empty_list_opens_a_port_to_nobody() -> None:
    text = render("base", "nftables.conf.j2", base_firewall_open=[{"port": 9100, "from": []}])

    assert "9100" not in text


def hba(text: str) -> list[list[str]]:
    """Return the lines of pg_hba.conf or pg_ident.conf as fields."""
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_only_the_given_hosts_connect_over_tls_and_with_a_password() -> None:
    lines = hba(render("postgres", "pg_hba.conf.j2", postgres_clients=["10.9.0.21", "10.9.0.31"]))

    assert lines[:3] == [
        ["local", "all", "postgres", "peer"],
        ["local", "dash", "dash_ops", "peer", "map=ops"],
        ["local", "dash", "dash_metrics", "peer", "map=metrics"],
    ]
    assert lines[3:] == [
        ["hostssl", "dash", role, f"{address}/32", "scram-sha-256"]
        for address in ("10.9.0.21", "10.9.0.31")
        for role in ("dash_app", "dash_owner")
    ]


def test_without_clients_nobody_comes_over_the_network() -> None:
    assert {line[0] for line in hba(render("postgres", "pg_hba.conf.j2"))} == {"local"}


def test_root_alone_is_the_ledgers_role_and_the_exporter_that_of_figures() -> None:
    assert hba(render("postgres", "pg_ident.conf.j2")) == [
        ["ops", "root", "dash_ops"],
        ["metrics", "prometheus", "dash_metrics"],
    ]


def test_settings_of_postgres_are_one_a_line_and_can_be_added_to() -> None:
    text = render(
        "postgres",
        "postgresql.conf.j2",
        postgres_settings={"wal_level": "logical"},
        postgres_max_connections=33,
    )
    settings = dict(re.findall(r"^(\w+) = '?([^'\n]*)'?$", text, re.MULTILINE))

    assert settings["max_connections"] == "33"
    assert settings["password_encryption"] == "scram-sha-256"  # pragma: allowlist secret
    assert settings["ssl"] == "on"
    assert settings["ssl_min_protocol_version"] == "TLSv1.2"
    assert settings["idle_in_transaction_session_timeout"] == "60s"
    assert list(settings)[-1] == "wal_level"


def test_a_password_with_quotes_is_still_one_password() -> None:
    text = render(
        "postgres",
        "schema.sql.j2",
        postgres_app_password="it's 16 characters",
        postgres_owner_password="sixteen-characters",  # pragma: allowlist secret
    )

    assert """'ALTER ROLE dash_app PASSWORD ''it''''s 16 characters'''""" in text
    assert "convert_to('it''s 16 characters' ||" in text


def test_the_ledgers_role_adds_and_reads_and_nothing_else() -> None:
    text = render("postgres", "schema.sql.j2")

    assert re.findall(r"^GRANT (.*) ON ops\.\w+ TO (\w+);", text, re.MULTILINE) == [
        ("SELECT, INSERT", "dash_ops")
    ]


def test_a_killed_server_comes_back_and_a_stopped_one_stays_down() -> None:
    service = unit(render("postgres", "postgresql-override.conf.j2"))["Service"]

    assert service["Restart"] == ["always"]


@pytest.fixture(name="service", scope="module")
def _service() -> Unit:
    return unit(
        render("app_host", "dash-app.service.j2", app_host_memory_max="200M", app_host_tasks_max=77)
    )


def test_the_unit_runs_the_current_release_as_its_own_user(service: Unit) -> None:
    found = service["Service"]

    assert found["User"] == found["Group"] == ["dash"]
    assert found["WorkingDirectory"] == ["/opt/dash/current"]
    assert found["ExecStart"] == ["/opt/dash/current/venv/bin/python -m app serve"]
    assert found["EnvironmentFile"] == ["/etc/dash/host.env", "/etc/dash/current/app.env"]
    assert found["LoadCredential"] == [
        "db_password:/etc/dash/credentials/db_app_password",
        "key_pepper:/etc/dash/credentials/key_pepper",
        "smtp_password:/etc/dash/credentials/smtp_password",
        "config:/etc/dash/current/app.env",
        "llm:/etc/dash/credentials/llm",
        "identity:/etc/dash/credentials/identity",
    ]


def test_the_unit_waits_for_a_release_and_never_gives_up_on_it(service: Unit) -> None:
    assert service["Unit"]["ConditionPathExists"] == ["/opt/dash/current"]
    assert service["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert service["Service"]["Restart"] == ["always"]
    assert service["Install"]["WantedBy"] == ["multi-user.target"]


def test_the_unit_is_bounded_and_may_take_its_time_to_drain(service: Unit) -> None:
    drain = 30 + 1.5  # app/settings.py: drain_seconds, drain_notice_seconds

    assert service["Service"]["MemoryMax"] == ["200M"]
    assert service["Service"]["TasksMax"] == ["77"]
    assert int(service["Service"]["TimeoutStopSec"][0]) > drain


def test_the_host_says_its_colour_and_where_the_service_listens() -> None:
    text = render("app_host", "host.env.j2", app_host_color="green", app_host_address="10.9.0.31")

    assert [line for line in text.splitlines() if line and not line.startswith("#")] == [
        "DASH_APP_COLOR=green",
        "DASH_APP_HOST=10.9.0.31",
        "DASH_APP_METRICS_HOST=10.9.0.31",
    ]
