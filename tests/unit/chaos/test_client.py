"""The outside world: how hosts are reached, what answers become, what none of them says."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chaos import client as module
from chaos.client import Client, Silent, WorldError, as_stack, plain, read_inventory
from tests.unit.chaos.world import stack

ANSWERS = {
    "/healthz": (200, b"ok"),
    "/broken": (503, b"busy"),
    "/api/v1/query?query=up&time=7.000": (
        200,
        b'{"data": {"result": [{"metric": {"host": "db-1"}, "value": [7, "0.5"]}]}}',
    ),
    "/api/v1/query?query=bad": (200, b"{}"),
    "/api/v2/alerts?silenced=false&inhibited=false": (
        200,
        b'[{"labels": {"alertname": "AppDown", "host": "a"}, "startsAt": "2026-11-29T01:00:00Z"}]',
    ),
    "/v1/chat/completions": (200, b'{"ok": true}'),
}


class Handler(BaseHTTPRequestHandler):
    """Answers from ANSWERS, and keeps who came."""

    seen: ClassVar[list[tuple[str, str]]] = []

    def answer(self) -> None:
        type(self).seen.append((self.path, self.headers.get("Authorization", "")))
        status, body = ANSWERS.get(self.path, (404, b""))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 -- the library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A TLS server on loopback; yields its address and a stack's directory that trusts it."""
    directory = tmp_path_factory.mktemp("stack")
    ca, key = directory / "ca.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(ca)],
        check=True, capture_output=True,
    )  # fmt: skip
    (directory / "secrets").mkdir()
    for name in ("prometheus_password", "alertmanager_password", "chaos_key"):
        (directory / "secrets" / name).write_text("word\n")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", directory
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="client")
def _client(server: tuple[str, Path]) -> Client:
    url, directory = server
    Handler.seen.clear()
    urls = {"prometheus": url, "alertmanager": url}
    return Client(stack(directory, dash_public_url=url, dash_monitor_urls=urls))


def test_samples_have_their_labels_and_the_time_that_was_asked_for(client: Client) -> None:
    assert client.query("up", 7) == [({"host": "db-1"}, 0.5)]
    assert Handler.seen[-1][1] == "Basic ZGFzaDp3b3Jk", "dash:word"


def test_an_answer_without_a_result_is_no_answer(client: Client) -> None:
    with pytest.raises(Silent, match="Prometheus answered without a result"):
        client.query("bad")


def test_alerts_have_names_labels_and_when_they_began(client: Client) -> None:
    (alert,) = client.alerts()
    assert (alert.name, alert.labels["host"], alert.started) == ("AppDown", "a", 1795914000.0)


def test_the_service_s_word_is_kept_whatever_it_is(client: Client) -> None:
    good, bad = client.request("/healthz"), client.request("/broken")
    assert (good.status, good.body) == (200, b"ok")
    assert (bad.status, bad.body) == (503, b"busy")


def test_a_document_is_posted_with_the_key_that_may_chat(client: Client) -> None:
    assert client.request("/v1/chat/completions", {"n": 1}).status == 200
    assert Handler.seen[-1] == ("/v1/chat/completions", "Bearer word")
    client.request("/healthz", known=True)
    assert Handler.seen[-1] == ("/healthz", "Bearer word")
    client.request("/healthz")
    assert Handler.seen[-1] == ("/healthz", ""), "a key is for those who ask for it"


def test_a_proxy_has_no_business_between_us_and_loopback(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client.request("/healthz").status == 200


def test_nobody_there_is_no_status_and_a_reason(server: tuple[str, Path]) -> None:
    gone = Client(stack(server[1], dash_public_url="https://127.0.0.1:1"))
    reply = gone.request("/healthz")
    assert (reply.status, "refused" in reply.error) == (0, True)


def test_of_several_monitors_the_first_that_answers_is_believed(
    server: tuple[str, Path],
) -> None:
    url, directory = server
    gone = "https://127.0.0.1:1"
    urls = {"prometheus": gone, "alertmanager": gone, "prometheus-2": url, "alertmanager-2": gone}
    client = Client(stack(directory, dash_monitor_urls=urls))

    assert client.query("up", 7) == [({"host": "db-1"}, 0.5)]
    with pytest.raises(Silent, match=r"^https://127\.0\.0\.1:1: [^;]+; https://127"):
        client.alerts()


def test_a_stack_without_a_monitor_says_so(tmp_path: Path) -> None:
    with pytest.raises(Silent, match="lab has no prometheus"):
        Client(stack(tmp_path, dash_monitor_urls={})).query("up")


def test_a_script_reaches_a_host_over_ssh_as_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "ssh"
    fake.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/words\ncat\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    said = Client(stack(tmp_path)).sh("db-1", "systemctl stop x")

    words = (tmp_path / "words").read_text()
    assert said == "systemctl stop x"
    assert "BatchMode=yes" in words
    assert "-o StrictHostKeyChecking=yes -i /key ansible@10.0.0.1" in words
    assert words.endswith("-- sudo -n /bin/bash -euo pipefail -s\n")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("echo first >&2; echo 'Error: no such thing' >&2; exit 3", "db-1: Error: no such thing"),
        ("exit 4", "db-1: it ended with 4"),
        ("exec sleep 5", "db-1: no end within 0 s"),
    ],
)
def test_what_a_host_says_last_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    fake = tmp_path / "ssh"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(WorldError, match=f"^{said}$"):
        Client(stack(tmp_path)).sh("db-1", "true", timeout=0.3)


def test_hosts_of_a_cloud_have_no_plug_to_pull(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="hosts of lab come from aws: this needs containers"):
        Client(stack(tmp_path, dash_provider="aws")).podman("kill", "x")


def test_the_inventory_is_read_as_ansible_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, Any] = {
        "dash_stack": {"__ansible_unsafe": "lab"}, "dash_provider": "podman", "dash_chaos": True,
        "dash_state_dir": "/x", "dash_public_url": "https://h", "dash_preview_url": "https://i",
        "dash_monitor_urls": {},
        "dash_address": "10.0.0.1", "dash_role": "db", "dash_color": "", "ansible_host": "10.0.0.1",
    }  # fmt: skip
    document = json.dumps({"_meta": {"hostvars": {"db-1": known}}})
    program = tmp_path / "ansible-inventory"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{document}\nE\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    found = read_inventory("lab", tmp_path)
    assert (found.name, found.hosts["db-1"].container, found.chaos) == ("lab", "", True)

    program.write_text("#!/bin/sh\necho 'lab has no hosts: type ./dash up' >&2\nexit 1\n")
    with pytest.raises(WorldError, match=r"inventory of lab cannot be read: lab has no hosts"):
        read_inventory("lab", tmp_path)


def test_no_hosts_is_said_with_what_to_type() -> None:
    with pytest.raises(WorldError, match=r"lab has no hosts: type \./dash --stack lab up"):
        as_stack("lab", {})


def test_marks_of_ansible_are_taken_away_at_any_depth() -> None:
    assert plain({"a": [{"__ansible_unsafe": "b"}, 1]}) == {"a": ["b", 1]}


def test_a_key_is_made_once_and_kept_for_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dash").write_text('#!/bin/sh\necho \'{"key": "dash_x"}\'\n')
    (tmp_path / "dash").chmod(0o755)
    (tmp_path / "secrets").mkdir()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    client = Client(stack(tmp_path))

    assert (client.key(), client.key()) == ("dash_x", "dash_x")
    assert (tmp_path / "secrets" / "chaos_key").stat().st_mode & 0o777 == 0o600
