"""Lines as `dash-journal` writes them, through the real collector into the real Loki."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ops import tools
from tests.roles.rendering import render
from tests.unit.ops.programs import load

if TYPE_CHECKING:
    from collections.abc import Iterator

journal = load("collector/files/journal.py")
SECRET = "hunter2secret"  # must not arrive  # pragma: allowlist secret
LIMIT = Path(__file__).resolve().parents[3] / "roles/loki/files/limit.py"
APP = {"event": "request", "request_id": "req-12345678", "level": "warning", "color": "green"}
MASKED = {
    "sudo": f"ansible : COMMAND=/usr/bin/x --password={SECRET} PGPASSWORD={SECRET}",
    "postgres": f"STATEMENT: ALTER ROLE x PASSWORD '{SECRET}'",
    "systemd": f'Authorization: Bearer {SECRET} psql://u:{SECRET}@h/d {{"password": "{SECRET}"}}',
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(*argv: str, **env: str) -> Iterator[None]:
    """Run a program, with a file of its own for what it says, and end it."""
    with (
        Path(env.pop("log")).open("ab") as log,
        subprocess.Popen(
            argv, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **env}
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


class Way:
    """The collector and Loki, as their roles configure them, in a directory of the test's."""

    def __init__(self, directory: Path, **more: Any) -> None:
        self.directory = directory
        self.port, self.figures = free_port(), free_port()
        self.file = directory / "journal.jsonl"
        self._loki = str(tools.resolve("loki") / "loki")
        self._collector = str(tools.resolve("otelcol") / "otelcol")
        (directory / "state").mkdir()
        (directory / "loki").mkdir()
        (directory / "authorization").write_text("Basic nothing", "utf-8")
        loki = render("loki", "loki.yml.j2", loki_port=self.port, __loki_state=f"{directory}/loki")
        given = yaml.safe_load(loki)
        given["server"]["grpc_listen_port"] = free_port()
        (directory / "loki.yml").write_text(yaml.safe_dump(given), "utf-8")
        text = render(
            "collector", "otelcol.yml.j2", collector_port=self.figures,
            collector_endpoint=f"http://127.0.0.1:{self.port}/otlp",
            __collector_lines=str(self.file), **more,
        )  # fmt: skip
        text = text.replace("tls: {ca_file: /etc/dash/ca.pem}", "tls: {insecure: true}")
        (directory / "otelcol.yml").write_text(text, "utf-8")

    @contextmanager
    def loki(self) -> Iterator[None]:
        subprocess.run(["python3", LIMIT, self.directory / "loki", "999", "14"], check=True)
        file = f"-config.file={self.directory}/loki.yml"
        with running(self._loki, file, log=f"{self.directory}/loki.log"):
            yield

    @contextmanager
    def collector(self) -> Iterator[None]:
        where = {"CREDENTIALS_DIRECTORY": str(self.directory), "log": f"{self.directory}/o.log"}
        state = f"{self.directory}/state"
        file = f"--config={self.directory}/otelcol.yml"
        with running(self._collector, file, STATE_DIRECTORY=state, **where):
            yield

    def say(self, tag: str, message: str, unit: str = "") -> None:
        """Write a line as `dash-journal` does of what journalctl prints."""
        entry = {
            "__REALTIME_TIMESTAMP": str(time.time_ns() // 1000), "__CURSOR": "s=1;i=1;b=1",
            "SYSLOG_IDENTIFIER": tag, "PRIORITY": "6", "MESSAGE": message, "_SYSTEMD_UNIT": unit,
        }  # fmt: skip
        with self.file.open("ab") as out:
            out.write(journal.line(entry))

    def found(self, query: str, enough: int = 1) -> list[tuple[dict[str, str], str]]:
        """Return labels and texts of lines, once there are enough."""
        asked = urllib.parse.urlencode({"query": query, "limit": 5000})
        url = f"http://127.0.0.1:{self.port}/loki/api/v1/query_range?{asked}"
        deadline = time.monotonic() + 40
        while True:
            got: list[tuple[dict[str, str], str]] = []
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    streams: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                got = [(s["stream"], v[1]) for s in streams for v in s["values"]]
            except OSError:
                pass
            if len(got) >= enough:
                return got
            assert time.monotonic() < deadline, f"{query}: {len(got)} lines"
            time.sleep(0.3)


@pytest.mark.timeout(180)
def test_lines_arrive_with_few_labels_without_secrets_and_all_of_them(tmp_path: Path) -> None:
    """Both are restarted on the way: what was said meanwhile is there, once or more."""
    path = Way(tmp_path)
    with ExitStack() as first:
        first.enter_context(path.loki())
        first.enter_context(path.collector())
        path.say("python3", json.dumps({**APP, "version": "1.2.3"}), unit="dash-app.service")
        path.say("haproxy", json.dumps({"request_id": "req-12345678"}), unit="haproxy.service")
        for tag, message in MASKED.items():
            path.say(tag, message, unit="session-5.scope")
        path.say("foo", "{broken", unit="run-r123.service")

        [app] = [x for x in path.found('{unit="dash-app.service"}') if x[0]]
        both = path.found('{host="edge-1"} | request_id="req-12345678"', 2)
        everything = path.found('{host="edge-1"}', 6)
    assert {k: app[0][k] for k in ("level", "color", "version", "request_id", "event")} == {
        **APP,
        "version": "1.2.3",
    }
    assert {x[0]["unit"] for x in both} == {"dash-app.service", "haproxy.service"}
    assert {x[0]["unit"] for x in everything} - {"dash-app.service", "haproxy.service"} == {
        "sudo", "systemd", "other",
    }  # fmt: skip
    assert SECRET not in str(everything)
    assert str(everything).count("***") >= 6

    with path.collector():  # Loki is away
        for number in range(300):
            path.say("sudo", f"number {number}")
        time.sleep(2)
    with path.loki(), path.collector():
        numbers = path.found('{host="edge-1", unit="sudo"} |= "number "', 300)
    assert {x[1] for x in numbers} == {f"number {n}" for n in range(300)}


@pytest.mark.timeout(180)
def test_a_loki_that_is_away_with_a_full_queue_holds_up_no_other(tmp_path: Path) -> None:
    """What the second missed it gets when it is back, once the first has had all of it."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    second = Way(tmp_path / "second")
    also = {"monitor-2": f"http://127.0.0.1:{second.port}/otlp"}
    first = Way(tmp_path / "first", collector_also=also, collector_queue_mb=1)
    numbers = '{host="edge-1", unit="sudo"} |= "number "'
    with first.loki(), first.collector():
        for number in range(3000):
            first.say("sudo", f"number {number} {'x' * 800}")
        assert len(first.found(numbers, 3000)) == 3000
        asked = f"http://127.0.0.1:{first.figures}/metrics"
        with urllib.request.urlopen(asked, timeout=5) as answer:
            figures = answer.read().decode()
        queued = {
            line.partition('exporter="')[2].partition('"')[0]: float(line.split()[-1])
            for line in figures.splitlines()
            if line.startswith("otelcol_exporter_queue_size{")
        }
        assert queued["otlp_http"] < 1000
        assert queued["otlp_http/monitor-2"] > 500_000
        with second.loki():
            got = second.found(numbers, 3000)
    assert {x[1].split()[1] for x in got} == {str(n) for n in range(3000)}
