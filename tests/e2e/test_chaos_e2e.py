"""Chaos by hand and by ./dash: measured, undone, also by who comes after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.driver import Lab, wait_for

pytestmark = pytest.mark.lab
QUICK = "app_process_killed"
CHAOS = "chaos --no-version-check --no-log-file run"
BY_HAND = 'eval "$(./dash env)" && exec ' + CHAOS + ' --journal-path "$1" "$2"'


def faults(lab: Lab) -> list[Path]:
    return sorted((lab.directory / "chaos" / "faults").glob("*.json"))


def newest(lab: Lab, name: str) -> dict[str, Any]:
    """Return the record of the newest run of an experiment."""
    runs = sorted((lab.directory / "chaos" / "runs").glob(f"*-{name}/record.json"))
    document: dict[str, Any] = json.loads(runs[-1].read_text(encoding="utf-8"))
    return document


def by_hand(lab: Lab, name: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-c", BY_HAND, "-", str(tmp_path / "journal.json")]
    return subprocess.run(
        [*words, f"chaos/experiments/{name}.yaml"],
        cwd=lab.root, env=lab.env, text=True, capture_output=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("base")
def test_by_hand_a_killed_process_is_back_and_the_record_tells_what_it_cost(
    lab: Lab, tmp_path: Path
) -> None:
    done = by_hand(lab, QUICK, tmp_path)
    record = newest(lab, QUICK)

    assert done.returncode == 0, done.stdout + done.stderr
    assert record["outcome"] == "passed", record["reason"]
    assert record["undone_twice"] is True
    assert record["recovery_seconds"] > 0
    assert record["sockets"]["lost"] > 0, "the fault was one"
    assert sum(kind["n"] for kind in record["requests"].values()) > 300
    assert faults(lab) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("base")
def test_what_a_killed_run_left_is_undone_by_the_next_command_which_says_so(lab: Lab) -> None:
    process = lab.start("chaos", "app_stopped")
    assert wait_for(lambda: bool(faults(lab)), 120)
    held = json.loads(faults(lab)[0].read_text(encoding="utf-8"))["holder"]["pid"]
    host = json.loads(faults(lab)[0].read_text(encoding="utf-8"))["host"]
    unit = ("systemctl", "is-active", "dash-app")
    assert wait_for(lambda: lab.on(host, *unit, check=False).strip() != "active", 30)
    os.kill(held, signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    status = lab.ok("status")

    assert process.returncode == 1, output
    assert "undone: dash-app.service on" in status.output
    assert lab.on(host, *unit).strip() == "active"
    assert faults(lab) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("base")
def test_an_interrupted_run_undoes_what_it_did_and_ends_with_1(lab: Lab) -> None:
    process = lab.start("chaos", "app_stopped")
    assert wait_for(lambda: bool(faults(lab)), 120)
    second = lab.dash("chaos", QUICK)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=300)

    assert second.code == 1
    assert "chaos already runs on this stack (process " in second.output
    assert process.returncode == 1, output
    assert newest(lab, "app_stopped")["outcome"] == "interrupted"
    assert faults(lab) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["app_stopped", "app_host_killed", "app_idle_host_killed"])
@pytest.mark.usefixtures("base")
def test_an_alert_is_told_and_over_in_its_experiment(lab: Lab, name: str) -> None:
    done = lab.dash("chaos", name)
    record = newest(lab, name)

    assert done.code == 0, done.output
    assert all(alert["detection_seconds"] > 0 for alert in record["alerts"])
    assert all(alert["resolved"] for alert in record["alerts"])
