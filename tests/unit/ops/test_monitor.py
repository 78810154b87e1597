"""What a stack's Prometheus says, and what is said when it says nothing."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import MONITOR, Stack
from ops import monitor, view
from ops.commands.access import addresses
from ops.session import Session
from tests.certificates import certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWER: dict[str, Any] = {
    "data": {
        "result": [
            {"metric": {"slo": "availability"}, "value": [1, "0.98765"]},
            {"metric": {"slo": "latency"}, "value": [1, "-0.5"]},
        ]
    }
}


class Prometheus(BaseHTTPRequestHandler):
    """Answers who has the password; keeps what it was asked."""

    asked: ClassVar[list[str]] = []
    body = b""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        wanted = "Basic " + base64.b64encode(b"dash:sesame").decode()
        self.send_response(200 if self.headers["Authorization"] == wanted else 401)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="session")
def _session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A stack whose Prometheus is there."""
    session = Session(stack="lab", environ={}, root=tmp_path)
    (session.state_dir / "secrets").mkdir(parents=True)
    (session.state_dir / "secrets/prometheus_password").write_text("sesame\n")
    both = certificate(session.state_dir / "ca.pem")
    server = HTTPServer(("127.0.0.1", 0), Prometheus)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setattr(Stack, "port", lambda *_: server.server_port)
    monkeypatch.setattr(Prometheus, "asked", [])
    monkeypatch.setattr(Prometheus, "body", json.dumps(ANSWER).encode())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield session
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_left_is_told_by_objective(session: Session) -> None:
    assert monitor.budget(session) == {"availability": 0.9877, "latency": -0.5}
    assert Prometheus.asked == ["/api/v1/query?query=slo%3Abudget%3Aleft"]


def test_only_alerts_of_which_somebody_is_told_are_asked_for(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    (session.state_dir / "secrets/alertmanager_password").write_text("sesame\n")
    monkeypatch.setattr(Prometheus, "body", b'[{"labels": {"alertname": "Watchdog"}}]')

    assert monitor.notifiable(session) == [{"labels": {"alertname": "Watchdog"}}]
    assert Prometheus.asked == ["/api/v2/alerts?silenced=false&inhibited=false"]


def test_a_wrong_password_is_one_line(session: Session) -> None:
    (session.state_dir / "secrets/prometheus_password").write_text("wrong\n")

    with pytest.raises(monitor.Silent, match=r"https://127\.0\.0\.1:\d+: .+"):
        monitor.query(session, "up")
    assert monitor.budget(session) is None


def test_of_several_monitors_the_first_that_answers_is_believed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = session.names.port("prometheus")
    monkeypatch.setattr(Stack, "port", lambda _, __, number=1: there if number == 2 else 1)

    with pytest.raises(monitor.Silent, match=r"^https://127\.0\.0\.1:1: [^;]+$"):
        monitor.query(session, "up")
    (session.state_dir / "overrides.json").write_text('{"monitor_hosts": 2}')
    assert monitor.budget(session) == {"availability": 0.9877, "latency": -0.5}

    monkeypatch.setattr(Stack, "port", lambda _, __, number=1: number)
    with pytest.raises(monitor.Silent, match=r":1: .+; https://127\.0\.0\.1:2: "):
        monitor.query(session, "up")


def test_every_monitor_is_opened(session: Session) -> None:
    (session.state_dir / "overrides.json").write_text('{"monitor_hosts": 2}')

    found = addresses(session)

    assert {n for n in found if n.startswith("prometheus")} == {"prometheus", "prometheus-2"}
    assert found["prometheus-2"].endswith(f"{session.state_dir}/secrets/prometheus_password)")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data": null}', b"[]"])
def test_an_answer_that_is_none_is_one_line(
    session: Session, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(Prometheus, "body", body)

    with pytest.raises(monitor.Silent):
        monitor.query(session, "up")


def test_a_stack_without_a_monitor_has_nothing_to_tell(tmp_path: Path) -> None:
    assert monitor.budget(Session(stack="lab", environ={}, root=tmp_path)) is None


def test_a_stack_that_is_told_to_do_without_has_none(session: Session) -> None:
    assert monitor.present(session)
    assert addresses(session)["prometheus"].endswith(
        f"(user dash, password in {session.state_dir}/secrets/prometheus_password)"
    )

    (session.state_dir / "overrides.json").write_text('{"monitor_hosts": 0}')

    assert not monitor.present(session)
    assert not set(MONITOR) & set(addresses(session))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"version": "10.1.0-pre"}',
            "password); API only: this build has no pages for a browser",
        ),
        (b'{"version": "12.1.1"}', "password)"),
        (b"<html>", "password)"),
    ],
)
def test_who_opens_grafana_is_told_when_it_has_no_pages(
    session: Session, monkeypatch: pytest.MonkeyPatch, body: bytes, words: str
) -> None:
    (session.state_dir / "secrets/grafana_password").write_text("sesame\n")
    monkeypatch.setattr(Prometheus, "body", body)

    assert addresses(session)["grafana"].endswith(words)
    assert Prometheus.asked == ["/api/health"]


def test_the_status_prints_it() -> None:
    document = {**view.status("lab", {}), "budget": {"latency": 1.0, "availability": 0.98}}

    assert "error budget left: availability 98.0%, latency 100.0%" in view._notes(document)
    assert not [n for n in view._notes({**document, "budget": None}) if "budget" in n]
