"""What a host says of itself, also when something is down."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import (
    facts,
    fence,
    ledger,
    opsdb,
    paths,
    service,
)
from ansible_collections.dash.platform.plugins.module_utils.lease import LeaseFile
from tests.integration.platform.edges import ID
from tests.integration.platform.fake_haproxy import FakeHaproxy
from tests.integration.platform.fake_programs import Programs
from tests.integration.platform.fake_psycopg import FakeDatabase, fake_psycopg
from tests.integration.platform.fake_service import FakeService
from tests.integration.platform.test_ledger import entry


@pytest.fixture(name="certificate", scope="module")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that is good for 90 days, with its key, as HAProxy wants it."""
    file = tmp_path_factory.mktemp("pki") / "edge.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-subj", "/CN=edge", "-days", "90", "-keyout", str(file), "-out"]
    subprocess.run([*words, str(file.with_suffix(".crt"))], check=True, capture_output=True)
    with file.open("a", encoding="ascii") as both:
        both.write(file.with_suffix(".crt").read_text(encoding="ascii"))
    return file


@pytest.fixture(name="database")
def _database(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDatabase]:
    """A database that answers."""
    yield from fake_psycopg(monkeypatch)


def test_an_edge_says_all_at_once(
    proxy: FakeHaproxy,
    edge: object,
    certificate: Path,
    run_module: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert edge
    monkeypatch.setattr(paths, "CERTIFICATE", certificate)
    proxy.backends["app_green"].states = {"g1": "UP", "g2": "DOWN"}
    LeaseFile().acquire({"id": ID, "holder": {}, "kind": "deploy", "fence": 3})
    ledger.append(ledger.path(), [entry(3)])
    fence.check(3)

    found = run_module("release_facts", role="edge")

    assert (found["role"], found["fence"], found["changed"]) == ("edge", 3, False)
    assert abs(found["clock"] - time.time()) < 60
    assert found["disk_free_mib"] > 0
    assert (found["active"], found["map"], found["haproxy_active"]) == ("blue", "blue", True)
    assert found["backends"]["green"] == {
        "up": 1,
        "servers": 2,
        "sessions": 0,
        "states": {"g1": "UP", "g2": "DOWN"},
    }
    assert (found["lease"]["id"], found["operation"]["state"]) == (ID, "begun")
    assert found["ledger"] == [entry(3)]
    assert 89 < found["certificate_days"] <= 90
    assert "why" not in found


def test_an_edge_whose_haproxy_is_down_says_so(run_module: Any) -> None:
    found = run_module("release_facts", role="edge")

    assert not found["haproxy_active"]
    assert found["why"].startswith("HAProxy does not answer on ")
    assert (found["active"], found["lease"], found["operation"]) == ("blue", None, None)
    assert found["certificate_days"] == 0


def test_an_edge_without_a_backend_still_answers(proxy: FakeHaproxy, run_module: Any) -> None:
    del proxy.backends["app_green"]

    found = run_module("release_facts", role="edge")

    assert found["haproxy_active"]
    assert "no backend app_green" in found["why"]


def test_nothing_is_decided_on_a_file_that_is_corrupt(run_module: Any) -> None:
    (paths.EDGE_STATE / "operation.json").write_text("{", encoding="utf-8")

    failed = run_module("release_facts", role="edge")

    assert failed["failed"]
    assert "operation.json is not JSON" in failed["msg"]


@pytest.mark.parametrize("text", ["", "garbage"])
def test_a_certificate_that_cannot_be_read_has_no_days(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.pem").write_text(text, encoding="ascii")

    assert facts.certificate_days(tmp_path / "x.pem") == 0


def test_a_host_without_openssl_has_no_days(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert facts.certificate_days(certificate) == 0


def test_an_app_host_says_what_it_has_and_runs(
    programs: Programs, run_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.have("systemctl", "echo active")
    (paths.OPT / "artifacts/dash-0.1.0-abc.tar.zst").touch()
    (paths.OPT / "artifacts/note.txt").touch()
    with FakeService() as running:
        monkeypatch.setattr(service, "PORT", running.port)
        found = run_module("release_facts", role="app", address="127.0.0.1")

    assert (found["unit"], found["ready"], found["running"]) == ("active", True, "0.1.0")
    assert found["checks"] == {"started": "ok"}
    assert found["artifacts"] == ["dash-0.1.0-abc.tar.zst"]
    assert (found["releases"], found["current"]) == ([], None)


def test_an_app_host_whose_service_is_down_says_so(
    programs: Programs, run_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.have("systemctl", "exit 3")
    monkeypatch.setattr(service, "PORT", 9)

    found = run_module("release_facts", role="app")

    assert (found["unit"], found["ready"], found["checks"]) == ("unknown", False, {})
    assert found["why"].startswith("/readyz does not answer")


def test_a_database_host_says_what_was_applied_and_recorded(
    database: FakeDatabase, run_module: Any
) -> None:
    database.answers = {
        "to_regclass": [("schema_migrations",)],
        "SELECT id, class": [("0001", "expand"), ("0002", "contract")],
        "ops.ledger": [(entry(2),), (entry(1),)],
        "max_connections": [(42,)],
    }

    found = run_module("release_facts", role="db")

    assert found["reachable"]
    assert found["migrations"] == [
        {"id": "0001", "class": "expand"},
        {"id": "0002", "class": "contract"},
    ]
    assert found["ledger"] == [entry(1), entry(2)]
    assert found["free_connections"] == 42
    assert database.connected == {
        "host": "/var/run/postgresql",
        "dbname": "dash",
        "user": "dash_ops",
        "connect_timeout": 5,
        "options": "-c statement_timeout=5s",
    }


def test_a_database_that_nothing_was_applied_to_has_no_migrations(
    database: FakeDatabase, run_module: Any
) -> None:
    database.answers = {"to_regclass": [(None,)], "ops.ledger": [], "max_connections": [(1,)]}

    assert run_module("release_facts", role="db")["migrations"] == []


def test_a_database_that_is_down_is_said_to_be(database: FakeDatabase, run_module: Any) -> None:
    database.down = "connection failed: No such file or directory\n\tIs the server running?"

    found = run_module("release_facts", role="db")

    assert (found["reachable"], found["ledger"]) == (False, [])
    assert found["why"] == "database dash: connection failed: No such file or directory"


def test_a_host_without_psycopg_is_told_what_to_type(
    monkeypatch: pytest.MonkeyPatch, run_module: Any
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)

    assert "Next: ./dash configure" in run_module("release_facts", role="db")["why"]


def test_entries_are_carried_once(database: FakeDatabase, run_module: Any) -> None:
    first = run_module("ledger_carry", entries=[entry(1), entry(2)])
    again = run_module("ledger_carry", entries=[entry(1), entry(2), entry(3)])

    assert first == {"changed": True, "inserted": 2}
    assert again == {"changed": True, "inserted": 1}
    assert not run_module("ledger_carry", entries=[entry(1)])["changed"]
    assert database.committed == 3


def test_a_database_that_is_down_fails_the_carrying_in_one_line(
    database: FakeDatabase, run_module: Any
) -> None:
    database.down = "timeout expired"

    failed = run_module("ledger_carry", entries=[entry(1)])

    assert failed["failed"]
    assert failed["msg"] == "database dash: timeout expired"


def test_an_entry_that_may_not_stand_there_carries_nothing(
    database: FakeDatabase, run_module: Any
) -> None:
    failed = run_module("ledger_carry", entries=[entry(1), {"id": "x"}])

    assert "a ledger entry lacks at" in failed["msg"]
    assert database.rows == set()


def test_the_smaller_disk_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    free = {paths.OPT: 700, paths.STATE: 300}

    def usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=free[path] * 2**20)

    monkeypatch.setattr("shutil.disk_usage", usage)
    assert facts.disk_free_mib() == 300
    assert opsdb.LAST == 200
