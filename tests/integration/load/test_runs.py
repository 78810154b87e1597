"""`python -m loadtests run` against the real service: result, report, exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtests.target import ROOT
from tests.integration.load.conftest import Loaded

CODES = {"passed": 0, "missed": 1, "inconclusive": 4}


def test_a_run_leaves_its_result_a_report_and_the_client_s_own_log(
    loaded: Loaded, tmp_path: Path
) -> None:
    code, said = loaded.run("smoke", out=tmp_path, seconds=12)

    result = json.loads((tmp_path / "result.json").read_text())
    page = (tmp_path / "report.html").read_text()
    assert code == CODES[result["verdict"]["outcome"]], said
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "locust.log", "report.html", "result.json",
    ]  # fmt: skip
    assert (result["server"], result["server_silent"]) == ({}, "the stack has no monitor")
    assert result["machine"]["cpus"] > 0
    assert page.count("data:image/png;base64,") == 2  # of the client's side; Prometheus is none
    assert result["verdict"]["outcome"] in page
    secrets = json.loads(loaded.accounts.read_text())
    for left in tmp_path.iterdir():
        assert not [s for s in (*secrets["keys"], secrets["password"]) if s in left.read_text()]


@pytest.mark.slow  # 15 s of load
def test_an_interrupted_run_says_what_it_measured_and_judges_nothing(
    loaded: Loaded, tmp_path: Path
) -> None:
    words = ["run", "smoke", "--out", str(tmp_path), "--json"]
    words += ["--target", str(loaded.target), "--accounts", str(loaded.accounts)]
    with subprocess.Popen(
        [sys.executable, "-m", "loadtests", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        log = tmp_path / "locust.log"
        end = time.monotonic() + 20
        while "Shape" not in (log.read_text() if log.exists() else "") and time.monotonic() < end:
            time.sleep(0.2)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # a terminal and ./dash both tell it
        said, _ = process.communicate(timeout=40)

    document = json.loads(said)
    assert (process.returncode, document["outcome"]) == (4, "inconclusive")
    assert "it was ended after" in document["line"]
    assert (tmp_path / "report.html").exists()
