"""Chaos by hand and by ./dash: measured, undone, also by who comes after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.driver import Lab, troubles, wait_for

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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("base")
def test_a_host_undoes_a_fault_by_itself_when_nobody_comes_back(lab: Lab) -> None:
    """The run is killed and no command follows: the timer on the host fires after 15 minutes."""
    unit = ("systemctl", "is-active", "dash-edge-figures")
    process = lab.start("chaos", "edge_figures_old")
    assert wait_for(lambda: bool(faults(lab)), 120)
    held = json.loads(faults(lab)[0].read_text(encoding="utf-8"))["holder"]["pid"]
    assert wait_for(lambda: lab.on("edge-1", *unit, check=False).strip() != "active", 30)
    os.kill(held, signal.SIGKILL)
    process.communicate(timeout=120)
    begin = time.monotonic()

    assert wait_for(lambda: lab.on("edge-1", *unit, check=False).strip() == "active", 960, every=5)
    assert time.monotonic() - begin > 600, "somebody else undid it"
    assert faults(lab), "the journal does not know it yet"
    assert "undone: " in lab.ok("status").output
    assert faults(lab) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("base")
def test_a_run_that_burns_a_tenth_of_the_budget_is_ended_and_undone(
    lab: Lab, tmp_path: Path
) -> None:
    """An outage that lasts: 40 requests a second fail until the safeguard has seen enough."""
    experiment = yaml.safe_load((lab.root / "chaos/experiments/app_stopped.yaml").read_text())
    experiment["title"] = "An outage that nobody ends"
    experiment["method"] = [{**experiment["method"][0], "pauses": {"after": 600}}]
    path = tmp_path / "outage.yaml"
    path.write_text(yaml.safe_dump(experiment), encoding="utf-8")
    words = ["bash", "-c", BY_HAND, "-", str(tmp_path / "journal.json"), str(path)]
    begin = time.monotonic()
    done = subprocess.run(
        words, cwd=lab.root, env=lab.env, text=True, capture_output=True, timeout=800, check=False
    )

    assert time.monotonic() - begin < 500, "it was not ended before its time"
    assert done.returncode != 0
    assert newest(lab, "an_outage_that_nobody_ends")["outcome"] == "interrupted"
    assert faults(lab) == []
    assert wait_for(lambda: lab.ok("status").code == 0, 60)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_release_stands_chaos_before_it_serves_and_no_client_notices(
    lab: Lab, artifacts: dict[str, dict[str, Any]], base: str
) -> None:
    wanted = artifacts["second"]
    assert wanted["version"] != base
    with lab.load() as client:
        words = ["--artifact", wanted["path"], "--watch", "3", "--force", "--prove", "chaos"]
        lab.ok("deploy", *words)

    assert troubles(client.figures) == {}, json.dumps(client.figures)
    assert lab.active()[1] == wanted["version"]
    entry = json.loads(lab.ok("history", "--limit", "1", "--json").output)["entries"][0]
    stood = entry["verdicts"]["chaos"]
    assert len(stood) >= 3
    assert {each["outcome"] for each in stood} == {"passed"}
