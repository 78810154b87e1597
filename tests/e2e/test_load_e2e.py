"""Load by hand and by ./dash: thresholds, the first bottleneck, a slow release, a killed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadtests import accounts, kinds
from tests.e2e.driver import Lab, kill_all, wait_for

pytestmark = pytest.mark.lab
Artifact = dict[str, dict[str, Any]]
LOCUST = 'eval "$(./dash env)" && exec locust -f loadtests/locustfile.py --headless "$@"'
BOTTLENECK = ("first bottleneck", "nothing was used up")
MISSED = 1


def by_hand(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", LOCUST, "-", *words],
        cwd=lab.root, env=lab.env, text=True, capture_output=True, timeout=180, check=False,
    )  # fmt: skip


def runs(lab: Lab, shape: str) -> list[Path]:
    """Return the folders of a shape's runs, the newest last."""
    return sorted((lab.directory / "load" / "runs").glob(f"*-{shape}"))


def people(lab: Lab) -> str:
    """Return who has an account."""
    return lab.ok("user", "list").output


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "words", [(), pytest.param(("--processes", "2"), marks=pytest.mark.slow)], ids=["one", "two"]
)
@pytest.mark.usefixtures("base")
def test_by_hand_locust_measures_every_kind_and_leaves_no_account_behind(
    lab: Lab, tmp_path: Path, words: tuple[str, ...]
) -> None:
    result = tmp_path / "measured.json"
    done = by_hand(lab, "--shape", "smoke", "--seconds", "12", "--result", str(result), *words)
    found = json.loads(result.read_text(encoding="utf-8"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert set(found["kinds"]) == set(kinds.KINDS)
    assert sum(seen["failed"] for seen in found["kinds"].values()) == 0
    assert found["sockets"]["arrived"] == found["sockets"]["sent"] > 0
    assert "@load.example.org" not in people(lab)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("base")
def test_a_load_passes_its_thresholds_and_its_report_names_what_gave_in_first_or_nothing(
    lab: Lab,
) -> None:
    done = lab.dash("load", "smoke")
    folder = runs(lab, "smoke")[-1]
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert done.code == 0, done.output
    named = [line for line in done.output.splitlines() if line.startswith(BOTTLENECK)]
    assert len(named) == 1, done.output
    assert named[0][1:60] in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("base")
def test_accounts_of_a_killed_load_go_with_the_next_command_and_of_an_interrupted_one_at_once(
    lab: Lab,
) -> None:
    file = lab.directory / "load" / accounts.FILE
    killed = lab.start("load", "smoke")
    assert wait_for(lambda: file.exists() and bool(accounts.read(file).keys), 60)
    lab_locust(lab, signal.SIGKILL)
    kill_all(killed, lab)
    killed.communicate(timeout=30)
    assert file.exists()
    status = lab.ok("status")

    assert "load: removed: 1 account of a run that was killed" in status.output
    assert not file.exists()
    assert "@load.example.org" not in people(lab)
    interrupted = lab.start("load", "smoke")
    assert wait_for(lambda: file.exists() and bool(accounts.read(file).keys), 60)
    os.kill(interrupted.pid, signal.SIGINT)
    output, _ = interrupted.communicate(timeout=120)
    assert interrupted.returncode != 0, output
    assert not file.exists()
    assert "@load.example.org" not in people(lab)


def lab_locust(lab: Lab, number: int) -> None:
    """Send a signal to the locust processes of the lab: they are in a session of their own."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            environ = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"locust" in words and f"DASH_LAB={lab.name}".encode() in environ:
            os.kill(int(entry.name), number)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_deliberately_slow_release_is_found_slower_than_the_one_before_and_switched_back(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """50 ms more a request: what people would feel, and no threshold of a deploy's proof."""
    slow = artifacts["is_slower"]
    lab.ok("deploy", "--artifact", slow["path"], "--watch", "3", "--force")
    assert lab.active()[1] == slow["version"]
    found = lab.dash("load", "compare")
    judged = json.loads((runs(lab, "compare")[-1] / "comparison.json").read_text())

    assert found.code == MISSED, found.output
    assert found.last.endswith("./dash rollback brings the old one back")
    api = next(p for p in judged["parts"] if (p["kind"], p["percentile"]) == ("api", "p50_ms"))
    assert api["verdict"] == "fail"
    assert 40 < api["new_ms"] - api["old_ms"] < 200
    assert judged["errors"]["verdict"] == "pass"
    assert judged["n"] > 1000
    lab.ok("rollback")
    assert lab.active()[1] == base
