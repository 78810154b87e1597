"""The prober as a process: its command line, its ends, and what it says of a mistake."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops import prober
from ops.probing.run import write

if TYPE_CHECKING:
    from tests.integration.prober.conftest import Serve

ROOT = Path(__file__).resolve().parents[3]


async def start(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops.prober", *words,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


async def first_report(path: Path) -> dict[str, Any]:
    """Return the first report with answers in it."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        report = read(path)
        if report and report["answered"]:
            return report
        await asyncio.sleep(0.02)
    raise AssertionError("no report with answers within 20 s")


async def test_end_by_signal_leaves_a_last_report(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    async with serve() as service:
        process = await start("--url", service.url, "--report", str(path))
        running = await first_report(path)
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), 5)
    report = json.loads(path.read_text())
    assert process.returncode == 0
    assert err == b""
    assert running["running"]
    assert not report["running"]
    assert report["ended"] >= report["started"]
    assert report["unfinished"] == report["failed"] == 0
    assert out.decode().strip() == prober.summary_line(report) == report["summary"]


async def test_it_ends_with_its_parent(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    parent = await asyncio.create_subprocess_exec("sleep", "60")
    async with serve() as service:
        process = await start(
            "--url", service.url, "--report", str(path), "--parent", str(parent.pid)
        )
        await first_report(path)
        parent.kill()
        await parent.wait()
        await asyncio.wait_for(process.communicate(), 5)
    assert not json.loads(path.read_text())["running"]
    assert process.returncode == 0


def test_parent_that_is_gone_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["true"]) as process:
        gone = process.pid
    words = ["--url", "http://127.0.0.1:1", "--report", str(tmp_path / "r"), "--parent", str(gone)]
    assert prober.main(words) == 1
    assert capsys.readouterr().err == "--parent: there is no such process (any more)\n"


def test_command_line_runs_to_the_end_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    words = ["--url", "http://localhost:1", "--report", str(report), "--requests", "3"]
    assert prober.main([*words, "--rate", "500"]) == 0
    assert capsys.readouterr().out.startswith("3 failed of 3 requests, worst gap ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--url", "127.0.0.1:8443"], "--url 127.0.0.1:8443: give scheme"),
        (["--url", "ftp://x"], "--url ftp://x: give scheme"),
        (["--url", "http://127.0.0.1:99999"], "give scheme"),
        (["--url", "https://x/path"], "give scheme"),
        (["--url", "https://user:secret@x"], "use --key-file"),  # pragma: allowlist secret
        (["--url", "http://example.org"], "use https"),
        (["--url", "https://127.0.0.1"], "--ca is missing"),
        (["--url", "https://127.0.0.1", "--ca", "/nowhere"], "--ca /nowhere"),
        (["--url", "https://127.0.0.1", "--ca", __file__], "no certificates can be read"),
        (["--rate", "0"], "--rate 0.0: it must be more than 0"),
        (["--connections", "-1"], "--connections -1"),
        (["--timeout", "0"], "--timeout"),
        (["--sockets", "-1"], "--sockets -1: it cannot be less than 0"),
        (["--streams", "-1"], "--streams -1"),
        (["--report", "/nowhere/r.json"], "there is no directory /nowhere"),
        (["--token-file", "/nowhere"], "--token-file /nowhere"),
        (["--token-file", __file__], "a token is letters and digits"),
        (["--baseline", "/nowhere"], "no report of the prober"),
        (["--baseline", __file__], "no report of the prober"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--url", "http://127.0.0.1:1", "--report", str(tmp_path / "r"), *words]
    assert prober.main(given) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert "secret" not in err


def test_values_reach_the_plan(tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    base.write_text(json.dumps({"not_judged": {"POST /v1/echo": "401"}}))
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    plan = prober.parse([
        "--url", "http://[::1]:80/", "--report", str(tmp_path / "r"),
        "--token-file", str(token),
        "--rate", "7", "--baseline", str(base), "--key-file", "k", "--server-name", "edge",
        "--sockets", "40", "--streams", "10",
    ])  # fmt: skip
    assert plan.target.url == "http://[::1]:80"
    assert plan.target.headers == {"X-Dash-Deploy-Token": "t0ken"}
    assert (plan.sockets, plan.streams) == (40, 10)
    assert plan.excused == {"POST /v1/echo": "401"}
    assert (plan.rate, plan.target.key_file, plan.target.server_name) == (7, Path("k"), "edge")


def test_report_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write(path, {"n": 1})
    with path.open() as reader:
        write(path, {"n": 2})
        assert json.load(reader) == {"n": 1}
    assert json.loads(path.read_text()) == {"n": 2}
    assert list(tmp_path.iterdir()) == [path]


def test_report_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "x").touch()
    words = ["--url", "http://127.0.0.1:1", "--report", str(tmp_path / "r"), "--requests", "1"]
    assert prober.main(words) == 1
    assert capsys.readouterr().err.count("\n") == 1
