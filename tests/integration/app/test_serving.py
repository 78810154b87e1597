"""`python -m app serve` as a process: starts or refuses in one line, and ends gracefully."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.link import Link
from tests.integration.service import App, free_port, until

JSON = {"Content-Type": "application/json"}


def test_it_serves_a_key_that_was_made_on_the_command_line(app: App) -> None:
    key = app.key()
    with app.serve() as serving:
        serving.ready()
        me = serving.ask("/v1/me", key=key)
        assert (me.status, me.document["user"]["email"]) == (200, "ann@example.org")
        body = b'{"n":  [1, 2]}'
        echo = serving.ask("/v1/echo", key=key, method="POST", body=body, headers=JSON)
        assert (echo.status, echo.body) == (200, body)
        assert echo.headers["X-Dash-Color"] == "blue"
        assert serving.ask("/v1/me", key=key[:-2] + "zz").status == 401


def test_every_line_it_writes_is_json_and_holds_no_secret(app: App) -> None:
    key = app.key()
    with app.serve(log_level="debug") as serving:
        serving.ready().ask("/v1/me?api_key=" + key, key=key, headers={"Cookie": key})
    assert serving.process.returncode == 0
    assert len(serving.events()) == len(serving.lines) > 5
    text = "\n".join(serving.lines)
    for secret in (key, key.split("_", 2)[2], app.database.server.password, app.pepper):
        assert secret not in text
    assert {(x["version"], x["color"]) for x in serving.events()} == {("0.1.0", "blue")}


def test_metrics_are_on_the_private_port_alone(app: App) -> None:
    with app.serve() as serving:
        serving.ready()
        assert serving.ask("/metrics").status == 404
        assert serving.metric("dash_ready") == 1
        assert serving.metric("dash_database_up") == 1
        assert serving.metric("dash_key_listener_up") == 1
        assert serving.metric('dash_pool_connections{state="open"}') >= 1


@pytest.mark.parametrize("which", ["port", "metrics_port"])
def test_a_port_that_is_taken_is_one_clear_line_and_1(app: App, which: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with app.serve(**{which: port}) as serving:
            assert serving.ended() == 1
    plain = [x for x in serving.lines if not x.startswith("{")]
    assert plain == [
        f"port {port} on 127.0.0.1 is taken: see who holds it with ss -ltnp sport = :{port}"
    ]


def test_an_address_of_another_machine_is_one_clear_line_and_1(app: App) -> None:
    with app.serve(host="192.0.2.1") as serving:
        assert serving.ended() == 1
    assert serving.lines[-1].startswith(f"port {serving.port} on 192.0.2.1 cannot be listened on: ")


def test_it_refuses_a_database_without_its_schema(bare: App) -> None:
    with bare.serve() as serving:
        assert serving.ended() == 1
    assert serving.lines[-1] == (
        "this release (0.1.0) cannot work with the schema: no migration is applied. "
        "Next: python -m app migrate --plan"
    )


@pytest.mark.parametrize(("kind", "works"), [("expand", True), ("contract", False)])
def test_it_works_with_later_expand_steps_and_refuses_contract_steps(
    app: App, kind: str, works: bool
) -> None:
    app.database.query(
        "INSERT INTO schema_migrations VALUES ('0099_later', %s, 'x', 'SELECT 1', '', '9.9.9')",
        kind,
    )
    with app.serve() as serving:
        if works:
            assert serving.ready().ask("/readyz").document["status"] == "ready"
        else:
            assert serving.ended() == 1
            assert "0099_later is contract and not known to this release" in serving.lines[-1]


def test_a_contract_step_that_comes_later_degrades_what_serves_and_does_not_stop_it(
    app: App,
) -> None:
    key = app.key()
    with app.serve() as serving:
        serving.ready()
        app.database.query(
            "INSERT INTO schema_migrations VALUES ('0099_c', 'contract', 'x', '', '', '9.9.9')"
        )
        until(lambda: serving.ask("/readyz").document["status"] == "degraded")
        answer = serving.ask("/readyz")
        assert answer.status == 200
        assert answer.document["checks"]["schema"].startswith("migration 0099_c is contract")
        assert serving.ask("/v1/me", key=key).status == 200


def test_it_waits_for_a_database_that_comes_later(app: App, link: Link) -> None:
    link.cut()
    with app.serve() as serving:
        until(lambda: serving.events("start.waiting_for_database"), 30, serving)
        answer = serving.ask("/readyz")
        assert (answer.status, answer.document["status"]) == (503, "starting")
        assert answer.document["checks"]["database"] == "no answer"
        assert serving.ask("/healthz").status == 200
        link.mend()
        assert serving.ready().ask("/readyz").document["status"] == "ready"


def test_it_gives_up_on_a_database_that_does_not_come(app: App, link: Link) -> None:
    link.cut()
    with app.serve(start_seconds=1) as serving:
        assert serving.ended() == 1
    assert re.fullmatch(
        rf"the database \S+ on 127.0.0.1:{link.port} does not answer: Connection refused "
        r"\(waited 1 s\)",
        serving.lines[-1],
    )


def test_a_stop_while_it_waits_for_the_database_is_heeded(app: App, link: Link) -> None:
    link.cut()
    with app.serve() as serving:
        until(lambda: serving.events("start.waiting_for_database"), 30, serving)
        serving.stop()
        assert serving.ended(15) == 0


def test_sigterm_is_said_on_readyz_before_the_port_closes(app: App) -> None:
    with app.serve(drain_notice_seconds=3) as serving:
        serving.ready().stop()
        until(lambda: serving.ask("/readyz").status == 503)
        answer = serving.ask("/readyz")
        assert answer.document["status"] == "draining"
        assert answer.headers["Connection"] == "close"
        assert serving.ask("/healthz").status == 200
        assert serving.ended(20) == 0
        with pytest.raises(ConnectionRefusedError):
            serving.ask("/healthz")


def half_sent(port: int, key: str) -> socket.socket:
    """Send a POST whose body is not complete, and return the connection."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(
        b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {key}\r\n".encode()
        + b'Content-Length: 11\r\n\r\n{"half":'
    )
    return connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_ends_well_after_the_signal(app: App, number: signal.Signals) -> None:
    key = app.key()
    with app.serve() as serving:
        serving.ready()
        with half_sent(serving.port, key) as connection:
            until(lambda: serving.metric("dash_requests_in_flight") == 1)
            serving.stop(number)
            until(lambda: _refused(serving.port), 15)
            assert serving.process.poll() is None
            connection.sendall(b" 1}")
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b'{"half": 1}')
        assert serving.ended(15) == 0


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def test_a_request_that_does_not_end_is_given_up_within_the_bound(app: App) -> None:
    key = app.key()
    with app.serve(drain_seconds=1) as serving:
        serving.ready()
        with half_sent(serving.port, key):
            until(lambda: serving.metric("dash_requests_in_flight") == 1)
            started = time.monotonic()
            serving.stop()
            assert serving.ended(30) == 0
        assert 1.0 <= time.monotonic() - started < 12


def test_an_idle_connection_is_kept_for_the_next_request_and_does_not_hold_up_the_end(
    app: App,
) -> None:
    with app.serve() as serving:
        serving.ready()
        connection = HTTPConnection("127.0.0.1", serving.port, timeout=5)
        for _ in range(3):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status": "ok"}'
            assert connection.sock is not None
        started = time.monotonic()
        serving.stop()
        assert serving.ended(20) == 0
        assert time.monotonic() - started < 10
        connection.close()


def test_it_serves_tls_when_it_has_a_certificate(app: App, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    with app.serve(tls_cert=cert, tls_key=key) as serving:
        until(lambda: serving.events("start.ready"), 30, serving)
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", cert,
             f"https://127.0.0.1:{serving.port}/healthz"],
            check=False, capture_output=True, text=True, timeout=15,
        )  # fmt: skip
        assert done.stdout == '{"status": "ok"}', done.stderr
    with app.serve(tls_cert=cert, tls_key=tmp_path / "none.pem") as serving:
        assert serving.ended() == 1
    assert serving.lines[-1].startswith(f"TLS cannot be had from {cert} and {tmp_path}/none.pem: ")


def test_a_setting_that_nobody_knows_ends_with_2(app: App) -> None:
    done = app.run("serve", prot=free_port())
    assert done.code == 2
    assert done.err == "unknown setting DASH_APP_PROT: did you mean DASH_APP_PORT?\n"
