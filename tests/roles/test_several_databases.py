"""A stack with several databases: they reach one another, and log in nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.roles.rendering import evaluate, render
from tests.roles.test_wiring import ADDRESSES, GROUPS, hostvars, opened, play

OTHERS = {"db-2": "10.9.0.42", "db-3": "10.9.0.43"}
ALL = {**ADDRESSES, **OTHERS}
APPLICATIONS = [ADDRESSES[host] for host in GROUPS["app"]]
THREE: dict[str, Any] = {
    "groups": {**GROUPS, "db": ["db-1", *OTHERS], "all": list(ALL)},
    "hostvars": hostvars(ALL),
}


@pytest.mark.parametrize(
    ("host", "others"),
    [("db-1", ["10.9.0.42", "10.9.0.43"]), ("db-2", ["10.9.0.41", "10.9.0.43"])],
)
def test_databases_reach_one_another(tmp_path: Path, host: str, others: list[str]) -> None:
    found = opened("db-1", tmp_path, **THREE, inventory_hostname=host, dash_address=ALL[host])

    assert found[5432] == [*APPLICATIONS, *others]


def test_who_may_log_in_stays_the_application_alone(tmp_path: Path) -> None:
    """PostgreSQL judges that for itself, whoever reaches it."""
    clients = evaluate("{{ postgres_clients }}", play("db-1", tmp_path, **THREE))
    lines = render("postgres", "pg_hba.conf.j2", postgres_clients=clients).splitlines()

    assert clients == APPLICATIONS
    assert {line.split()[3] for line in lines if line.startswith("host")} == {
        f"{address}/32" for address in APPLICATIONS
    }


def test_only_the_application_asks_the_simulator_and_no_database(tmp_path: Path) -> None:
    found = opened("simulator-1", tmp_path, **THREE)

    assert [found[port] for port in (9101, 9102, 9103)] == [APPLICATIONS] * 3
