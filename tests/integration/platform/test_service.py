"""The service's unit: asked, started, given up."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ansible_collections.dash.platform.plugins.module_utils import service
from tests.integration.platform.fake_programs import Programs
from tests.integration.platform.fake_service import FakeService

HERE = "127.0.0.1"
SECRET = "dash_k3yid_" + "s" * 43  # pragma: allowlist secret


@pytest.fixture(name="running")
def _running(monkeypatch: pytest.MonkeyPatch, programs: Programs) -> Iterator[FakeService]:
    """A service that is ready, under a systemd that says so."""
    assert programs.calls("systemctl") == []
    systemd(programs)
    monkeypatch.setattr(service, "POLL", 0.02)
    with FakeService() as running:
        monkeypatch.setattr(service, "PORT", running.port)
        yield running


def systemd(programs: Programs, state: str = "active", restarts: str = "echo 0") -> None:
    cases = f"is-active) echo {state};; show) {restarts};; restart|stop) exit 0;;"
    programs.have("systemctl", f'case "$1" in {cases} esac')


def test_a_ready_service_says_its_version_and_its_checks(running: FakeService) -> None:
    assert service.ask(HERE) == service.Answer("", running.checks, "0.1.0")


def test_a_service_that_is_not_ready_names_the_checks_that_fail(running: FakeService) -> None:
    running.status = 503
    running.checks = {"started": "ok", "database": "no answer", "schema": "unknown"}

    answer = service.ask(HERE)

    assert answer.why == "/readyz answers 503 (database: no answer, schema: unknown)"
    assert answer.checks["schema"] == "unknown"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"checks": 7}', b"<html>"])
def test_an_answer_in_another_form_is_still_an_answer(running: FakeService, body: bytes) -> None:
    running.status, running.body = 500, body

    assert service.ask(HERE).why == "/readyz answers 500"


def test_nobody_on_the_port_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind((HERE, 0))
        monkeypatch.setattr(service, "PORT", free.getsockname()[1])

        assert service.ask(HERE).why == "/readyz does not answer (Connection refused)"


def test_somebody_who_does_not_speak_http_is_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        listener.listen()
        monkeypatch.setattr(service, "PORT", listener.getsockname()[1])

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = service.ask(HERE).why
        thread.join()

    assert said.startswith("/readyz does not answer (SSH-2.0-OpenSSH")


def test_a_proxy_in_the_environment_is_not_asked(
    running: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert service.ask(HERE).why == ""
    assert running.asked == 1


def test_waiting_ends_when_the_service_is_ready(running: FakeService) -> None:
    running.status = 503
    timer = threading.Timer(0.2, setattr, [running, "status", 200])
    timer.start()

    service.wait_ready(HERE, 20, "0.1.0")
    timer.join()

    assert running.asked > 1


def test_a_service_that_does_not_get_ready_is_given_up_with_its_last_words(
    running: FakeService, programs: Programs
) -> None:
    running.status, running.checks = 503, {"database": "no answer"}
    line = json.dumps({"event": "start.waiting_for_database", "error": f"key {SECRET}"})
    programs.have("journalctl", f"echo 'Started dash-app.service.'; echo '{line}'")

    with pytest.raises(service.NotReady) as given_up:
        service.wait_ready(HERE, 0.2, "0.1.0")

    assert str(given_up.value) == (
        "0.1.0 does not start: not ready after 0 s: /readyz answers 503 (database: no answer). "
        "Its last words: start.waiting_for_database key dash_k3yid_***"
    )
    assert given_up.value.facts == {"checks": {"database": "no answer"}}


def test_a_service_that_only_crashes_is_given_up_soon(
    running: FakeService, programs: Programs, tmp_path: object
) -> None:
    running.status = 503
    count = f"n=$(cat {tmp_path}/n 2>/dev/null || echo 0); echo $n; echo $((n+1)) > {tmp_path}/n"
    systemd(programs, "activating", count)
    started = time.monotonic()

    with pytest.raises(service.NotReady, match="does not start: it only crashes"):
        service.wait_ready(HERE, 60, "0.1.0")

    assert time.monotonic() - started < 20


@pytest.mark.parametrize("state", ["failed", "inactive"])
def test_a_unit_that_is_not_there_any_more_is_given_up_at_once(
    running: FakeService, programs: Programs, state: str
) -> None:
    running.status = 503
    systemd(programs, state)

    with pytest.raises(service.NotReady, match="not ready after 0 s"):
        service.wait_ready(HERE, 60, "0.1.0")


def test_somebody_else_on_the_port_is_not_the_release(running: FakeService) -> None:
    running.version = "0.0.9"

    with pytest.raises(service.NotReady, match=r"is held by version 0\.0\.9, not 0\.1\.0"):
        service.wait_ready(HERE, 0.1, "0.1.0")


def test_a_unit_that_systemd_cannot_start_says_why(programs: Programs) -> None:
    programs.have("systemctl", "echo 'Unit dash-app.service not found.' >&2; exit 5")

    with pytest.raises(service.NotReady, match=r"does not start: Unit dash-app\.service not found"):
        service.restart()


def test_a_systemd_that_hangs_is_one_line(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SYSTEMCTL_TIMEOUT", 0.2)
    programs.have("systemctl", "exec sleep 10")

    with pytest.raises(service.NotReady, match=r"systemctl restart took more than 0\.2 s"):
        service.restart()


def test_stopping_what_does_not_run_is_fine(programs: Programs) -> None:
    cases = "stop) exit 5;; is-active) echo inactive; exit 3;;"
    programs.have("systemctl", f'case "$1" in {cases} esac')

    service.stop()

    assert programs.calls("systemctl")[0] == ["stop", service.UNIT]


def test_a_unit_that_does_not_stop_is_said_so(programs: Programs) -> None:
    cases = "stop) echo refused >&2; exit 1;; is-active) echo active;;"
    programs.have("systemctl", f'case "$1" in {cases} esac')

    with pytest.raises(service.NotReady, match="does not stop: refused"):
        service.stop()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("plain words", "plain words"),
        (
            '{"event": "start.failed", "error": "port 8000 is taken", "pid": 7}',
            "start.failed port 8000 is taken",
        ),
        ('{"other": 1}', '{"other": 1}'),
        ("[1, 2]", "[1, 2]"),
        (f"key {SECRET} given", "key dash_k3yid_*** given"),
        (
            "postgresql://dash_app:hunter2@db-1/dash",  # pragma: allowlist secret
            "postgresql://dash_app:***@db-1/dash",
        ),  # pragma: allowlist secret
        ("redis://:hunter2@x", "redis://:***@x"),
        ("password=hunter2 host=db-1", "password=*** host=db-1"),
        (
            "{'password': 'hunter2', 'a': 1}",  # pragma: allowlist secret
            "{'password': ***, 'a': 1}",
        ),  # pragma: allowlist secret
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("apiKey=abc, token: def", "apiKey=***, token: ***"),
        ("two\tcolumns   wide", "two columns wide"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_log_line_is_readable_and_holds_no_secret(line: str, told: str) -> None:
    assert service.readable(line) == told


def test_the_last_words_are_the_services_own_and_each_once(programs: Programs) -> None:
    said = [
        "Starting dash-app.service - Dash...",
        "one",
        "two",
        "dash-app.service: Main process exited, code=exited, status=1/FAILURE",
        "dash-app.service: Scheduled restart job, restart counter is at 2.",
        "two",
        "three",
        "dash-app.service: Failed with result 'exit-code'.",
        "",
    ]
    programs.have("journalctl", "\n".join(f'echo "{line}"' for line in said))

    assert service.journal(100.4) == (
        "two / dash-app.service: Main process exited, code=exited, status=1/FAILURE / three"
    )
    assert "--since=@100" in programs.calls("journalctl")[0]


def test_a_journal_that_cannot_be_read_is_empty(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert service.journal(0) == ""


EXPECTS = """import signal, sys
if sys.argv[1] == "expects":
    signal.signal(signal.SIGUSR1, lambda *_: print("told", flush=True))
print("up", flush=True)
while True:
    signal.pause()
"""


def release(programs: Programs, how: str) -> subprocess.Popen[str]:
    """Start a process that expects the signal, or does not, under a systemd that runs it."""
    process = subprocess.Popen(
        [sys.executable, "-c", EXPECTS, how], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    kill = f"kill -USR1 {process.pid}"
    programs.have(
        "systemctl", f'case "$1" in show) echo {process.pid};; kill) {kill};; *) exit 1;; esac'
    )
    return process


def test_a_release_that_expects_the_signal_is_told(programs: Programs) -> None:
    with release(programs, "expects") as process:
        assert service.tell_agents()
        assert process.stdout is not None
        assert process.stdout.readline() == "told\n"
        process.kill()
    assert programs.calls("systemctl")[-1] == [
        "kill", "--kill-whom=main", "--signal=SIGUSR1", "dash-app.service",
    ]  # fmt: skip


def test_a_release_from_before_there_were_agents_lives_on(programs: Programs) -> None:
    with release(programs, "knows nothing") as process:
        assert not service.tell_agents()
        assert process.poll() is None
        process.kill()
    assert [words[0] for words in programs.calls("systemctl")] == ["show"]


@pytest.mark.parametrize("pid", ["0", "", "4194305"])
def test_nobody_is_told_where_no_release_runs(programs: Programs, pid: str) -> None:
    programs.have("systemctl", f'case "$1" in show) echo {pid};; *) exit 1;; esac')
    assert not service.tell_agents()


def test_a_signal_that_does_not_get_there_is_one_line(programs: Programs) -> None:
    with release(programs, "expects") as process:
        body = f'case "$1" in show) echo {process.pid};; *) echo no bus >&2; exit 1;; esac'
        programs.have("systemctl", body)
        with pytest.raises(service.NotReady, match=r"was not told .* no bus$"):
            service.tell_agents()
        process.kill()
