"""The smoke test asks a real TLS server, as a client would."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from ops import smoke
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Service(http.server.BaseHTTPRequestHandler):
    """Answers what the test says: a list of statuses for each path, the last one for ever."""

    answers: dict[str, list[int]]

    def do_GET(self) -> None:
        left = self.answers[self.path]
        status = left.pop(0) if len(left) > 1 else left[0]
        body = json.dumps({"status": "ok" if status == 200 else "starting"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.headers["X-Dash-Deploy-Token"] == "t0ken":  # as the edge does
            self.send_header("X-Dash-Version", "1.2.0")
            self.send_header("X-Dash-Color", "green")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="ca", scope="module")
def _ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=lab", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", "key.pem", "-out", "ca.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder / "ca.pem"


@pytest.fixture(name="token")
def _token(tmp_path: Path) -> Path:
    path = tmp_path / "deploy_token"
    path.write_text("t0ken\n")
    return path


@pytest.fixture(name="base")
def _base(ca: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, ca.with_name("key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_ready_service_tells_its_version_and_colour(base: str, ca: Path, token: Path) -> None:
    Service.answers = {"/healthz": [200], "/readyz": [200]}
    seen = smoke.check(base, ca, token)

    assert set(seen) == {"/healthz", "/readyz"}
    assert (seen["/readyz"].version, seen["/readyz"].color) == ("1.2.0", "green")
    assert seen["/readyz"].body == {"status": "ok"}


def test_a_service_that_still_starts_is_waited_for(base: str, ca: Path, token: Path) -> None:
    Service.answers = {"/healthz": [200], "/readyz": [503, 200]}

    assert smoke.check(base, ca, token)["/readyz"].status == 200


def test_a_service_that_never_gets_ready_tells_its_last_words(
    base: str, ca: Path, token: Path
) -> None:
    Service.answers = {"/healthz": [200], "/readyz": [503]}
    with pytest.raises(UserError) as raised:
        smoke.check(base, ca, token, patience=0)

    assert raised.value.line == (
        f'GET {base}/readyz: 503, {{"status": "starting"}}; type ./dash doctor'
    )


def test_a_stranger_is_not_told_the_version(base: str, ca: Path, tmp_path: Path) -> None:
    Service.answers = {"/healthz": [200], "/readyz": [200]}

    assert smoke.check(base, ca, tmp_path / "none")["/readyz"].version == ""


def test_nobody_there_is_one_line(ca: Path, token: Path) -> None:
    with pytest.raises(UserError, match=r"GET https://127\.0\.0\.1:1/healthz: .*refused"):
        smoke.check("https://127.0.0.1:1", ca, token, patience=0)


def test_another_authoritys_certificate_is_refused(
    base: str, token: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Service.answers = {"/healthz": [200], "/readyz": [200]}
    other = tmp_path_factory.mktemp("other") / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=other", "-keyout", "k.pem", "-out", "ca.pem"],
        cwd=other.parent, check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(UserError, match="certificate verify failed"):
        smoke.check(base, other, token, patience=0)


def test_a_missing_authority_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ca\.pem is missing.* type \./dash configure"):
        smoke.check("https://127.0.0.1:1", tmp_path / "ca.pem", tmp_path / "token")


def test_a_proxy_of_the_environment_is_not_asked(
    base: str, ca: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Service.answers = {"/healthz": [200], "/readyz": [200]}
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")

    assert smoke.check(base, ca, token, patience=0)["/healthz"].status == 200
