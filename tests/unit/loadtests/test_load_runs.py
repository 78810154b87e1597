"""Around locust: the command, what it leaves, what Prometheus answers, the command line."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from loadtests import locusting, prometheus, run, shapes
from loadtests.__main__ import main
from loadtests.prometheus import Silent
from loadtests.report import page
from loadtests.run import Wish
from loadtests.target import Target
from tests.unit.loadtests import results

VALUES = [[1, "0.5"], [6, "NaN"], [11, "1"]]


class Prometheus(BaseHTTPRequestHandler):
    """Answers every range query with one series."""

    asked: ClassVar[list[str]] = []
    body = json.dumps({"data": {"result": [{"metric": {"color": "blue"}, "values": VALUES}]}})

    def do_GET(self) -> None:
        self.asked.append(f"{self.headers['Authorization']} {self.path}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name there
        del format, args


@pytest.fixture(name="monitored")
def _monitored(tmp_path: Path) -> Iterator[Target]:
    secret = tmp_path / "prometheus_password"
    secret.write_text("hush\n")
    Prometheus.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Prometheus) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Target(
                "https://127.0.0.1:1", directory=str(tmp_path),
                prometheus=f"http://127.0.0.1:{server.server_port}", prometheus_user="dash",
                prometheus_password_file=str(secret),
            )  # fmt: skip
        finally:
            server.shutdown()
            thread.join()


def test_all_series_of_the_span_are_asked_for_with_the_password(monitored: Target) -> None:
    found, silent = prometheus.gather(monitored, 1.0, 11.0)

    assert silent == ""
    assert sorted(found) == sorted(prometheus.QUERIES)
    assert found["requests in flight"] == {"blue": [(1.0, 0.5), (11.0, 1.0)]}
    assert len(Prometheus.asked) == len(prometheus.QUERIES)
    assert all(line.startswith("Basic ZGFzaDpodXNo ") for line in Prometheus.asked)
    assert "start=1&end=11&step=5" in Prometheus.asked[0]


def test_a_monitor_that_does_not_answer_is_said_and_judges_nothing(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    away = Target(
        "https://127.0.0.1:1", prometheus="http://127.0.0.1:1",
        prometheus_password_file=str(tmp_path / "password"),
    )  # fmt: skip

    found, silent = prometheus.gather(away, 1.0, 2.0)

    assert found == {}
    assert silent.startswith("http://127.0.0.1:1: ")


def test_the_minute_before_is_asked_for_and_not_known_without_an_answer(
    monitored: Target,
) -> None:
    assert prometheus.busy(monitored, 100.0) == 0.75
    assert "start=40&end=100" in Prometheus.asked[0]
    assert prometheus.busy(Target("https://127.0.0.1:1"), 100.0) is None


def test_an_answer_that_is_none_is_silence() -> None:
    with pytest.raises(Silent, match="Prometheus answered without a result"):
        prometheus.read({"status": "error"}, "")


def test_releases_that_served_are_named() -> None:
    assert prometheus.versions({prometheus.VERSION: {"2": [], "1": []}}) == ["1", "2"]


def test_locust_is_told_what_people_type() -> None:
    words = locusting.command("20", Path("/x"), 1, ["--seconds", "5"])

    assert words[1:] == [
        "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--shape", "20",
        "--result", "/x/measured.json", "--seconds", "5",
    ]  # fmt: skip
    assert locusting.command("20", Path("/x"), 2)[-2:] == ["--processes", "2"]


def test_a_small_shape_has_one_process_and_a_large_one_no_more_than_cores() -> None:
    small, large = shapes.find("20"), shapes.find("100")

    assert [locusting.processes(small, 8), locusting.processes(large, 8)] == [1, 2]
    assert locusting.processes(large, 1) == 1


def test_what_kept_locust_from_measuring_is_its_own_line_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / locusting.LOG
    log.write_text("starting\nload: lab is not up: type ./dash up\nshutting down\n")
    assert locusting.read(tmp_path, 2).why == "lab is not up: type ./dash up"

    log.write_text("starting\nTraceback\nImportError: no locust\n")
    assert locusting.read(tmp_path, 1).why == "ImportError: no locust"

    log.write_text("")
    assert locusting.read(tmp_path, 1).why == "locust ended with 1 and said nothing"


def test_a_client_that_never_ends_is_ended_and_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locusting, "GRACE", 0.0)
    monkeypatch.setattr(locusting, "DYING", 0.3)
    deaf = ["sh", "-c", "trap '' TERM; sleep 60"]

    left = locusting.run(deaf, tmp_path, 0.5)

    assert (left.document, left.code) == (None, -9)
    assert left.why == "locust did not end within 0 s"


@pytest.fixture(name="ready")
def _ready(tmp_path: Path) -> Path:
    """A target's document."""
    path = tmp_path / "target.json"
    path.write_text(json.dumps({"url": "https://127.0.0.1:1", "directory": str(tmp_path)}))
    return path


@pytest.fixture(name="undrawn")
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take seconds, and have tests of their own."""
    monkeypatch.setattr(page, "write", lambda path, document: path.write_text(document["shape"]))


def pretend(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Have a script in locust's place."""
    monkeypatch.setattr(
        locusting, "command", lambda *_words: [sys.executable, "-c", f"import sys\n{script}"]
    )


def test_a_run_that_could_not_begin_is_told_apart_from_one_that_died(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "smoke", "--target", str(ready)]
    pretend(monkeypatch, "print('load: no account could be made'); sys.exit(2)")
    assert main(words) == 2
    assert "load: no account could be made (all of it: " in capsys.readouterr().err

    pretend(monkeypatch, "print('killed'); sys.exit(1)")
    assert main([*words, "--json"]) == 4
    said = json.loads(capsys.readouterr().out)
    assert (said["exit_code"], said["line"].startswith("killed")) == (4, True)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("outcome", "code"), [("passed", 0), ("missed", 1), ("inconclusive", 4)])
def test_the_verdict_is_the_exit_code_and_the_run_lies_in_the_stack_s_folder(
    ready: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: str,
    code: int,
) -> None:
    document = results.measured(verdict={"outcome": outcome, "checks": [], "why": []})
    measured = ready.parent / "given.json"
    measured.write_text(json.dumps(document))
    pretend(monkeypatch, f"import shutil,glob; shutil.copy({str(measured)!r}, glob.glob("
            f"{str(ready.parent)!r} + '/load/runs/*-knee')[0] + '/measured.json')")  # fmt: skip

    assert main(["run", "knee", "--target", str(ready), "--keep", "--json"]) == code

    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["exit_code"]) == (outcome, code)
    assert json.loads(Path(said["result"]).read_text())["verdict"]["outcome"] == outcome
    assert Path(said["report"]).read_text() == "knee"
    assert (ready.parent / "load" / "baseline-knee.json").exists() == (outcome == "passed")


@pytest.mark.usefixtures("undrawn")
def test_people_are_told_figures_bottleneck_and_where_the_report_is(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ready.parent / "out"
    text = json.dumps(results.measured())
    pretend(monkeypatch, f"open({str(out / 'measured.json')!r}, 'w').write({text!r})")

    assert run.run(Wish("knee", out=str(out), target=str(ready))) == 0

    said = capsys.readouterr().out
    assert "bottleneck not known: the stack has no monitor" in said
    assert said.splitlines()[-1] == f"report: {out / 'report.html'}"


def test_a_shape_that_is_not_there_and_a_target_elsewhere_are_wrong_usage(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "smok", "--target", str(ready)]) == 2
    ready.write_text(json.dumps({"url": "https://example.org"}))
    assert main(["run", "smoke", "--target", str(ready)]) == 2
    said = capsys.readouterr().err
    assert "there is no shape 'smok': did you mean smoke?" in said
    assert "https://example.org is not on loopback" in said


def test_shapes_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert "smoke     30 s  whether all personas work" in capsys.readouterr().out
    assert main(["list", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(shapes.SHAPES)


@pytest.mark.parametrize("words", [["--processes", "0"], ["--seconds", "-1"]])
def test_what_cannot_be_meant_is_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "smoke", *words])
    assert ended.value.code == 2
