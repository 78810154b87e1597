"""Bad days, each for real: one clear line, the designed exit code, clients unharmed."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.driver import Lab, kill_all, wait_for
from tests.e2e.variants import VARIANTS

# With --all: the sample keeps to test_release_e2e.py, so that it ends within its hour.
pytestmark = [pytest.mark.lab, pytest.mark.slow]
Artifact = dict[str, dict[str, Any]]
UNCHANGED = 1  # ./dash: failed, and no client noticed
WENT_BACK = 3
DECISION = 4


def _deploy(lab: Lab, artifact: dict[str, Any], *words: str) -> Any:
    return lab.dash("deploy", "--artifact", artifact["path"], "--watch", "5", *words)


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("dies", "dies at once"),
        ("answers_500", "requests failed"),
        pytest.param("is_slow", "p95"),
        pytest.param("half", "division by zero"),
    ],
)
def test_a_release_that_is_bad_before_the_switch_reaches_no_client(
    lab: Lab, artifacts: Artifact, base: str, variant: str, said: str
) -> None:
    """Exit 1, the reason in one line, the old release serves on, no request failed."""
    with lab.load() as client:
        done = _deploy(lab, artifacts[variant])

    assert done.code == UNCHANGED, done.output
    assert said in done.last
    assert lab.active()[1] == base
    assert client.figures["failed"] == 0, json.dumps(client.figures)


def test_a_release_that_turns_bad_after_the_switch_goes_back_by_itself(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """Exit 3, traffic is on the old colour, the version is quarantined."""
    done = lab.dash("deploy", "--artifact", artifacts["bad_after_switch"]["path"], "--watch", "30")

    assert done.code == WENT_BACK, done.output
    assert lab.active()[1] == base
    again = _deploy(lab, artifacts["bad_after_switch"])
    assert again.code == UNCHANGED
    assert "quarantined" in again.last


def test_an_inconclusive_release_waits_for_an_answer(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """Exit 4; a second deploy is refused; promote switches it."""
    done = _deploy(lab, artifacts["fails_rarely"])

    assert done.code == DECISION, done.output
    assert lab.active()[1] == base
    assert "promote" in _deploy(lab, artifacts["second"]).last
    lab.ok("promote")
    assert lab.active()[1] == artifacts["fails_rarely"]["version"]


def test_abort_takes_a_paused_release_away(lab: Lab, artifacts: Artifact, base: str) -> None:
    """After abort nothing waits, and the old release serves."""
    done = _deploy(lab, artifacts["fails_once"], "--force")
    assert done.code == DECISION, done.output
    lab.ok("abort")

    assert lab.dash("promote").code == UNCHANGED
    assert lab.active()[1] == base


def test_a_truncated_artifact_is_refused(
    lab: Lab, artifacts: Artifact, base: str, tmp_path: Path
) -> None:
    """One line that names the file; nothing was changed."""
    whole = Path(artifacts["second"]["path"])
    cut = tmp_path / whole.name
    cut.write_bytes(whole.read_bytes()[:-5000])
    done = lab.dash("deploy", "--artifact", str(cut))

    assert done.code == UNCHANGED
    assert whole.name in done.last
    assert lab.active()[1] == base


def test_a_known_version_with_other_content_is_refused(lab: Lab, base: str, tmp_path: Path) -> None:
    """A version names one digest for ever."""
    first = lab.build(tmp_path / "first", VARIANTS["plain"], tagged=True)
    other = lab.build(tmp_path / "other", VARIANTS["second"], tagged=True)
    assert first["version"] == other["version"]
    assert first["digest"] != other["digest"]
    _deploy(lab, first)
    before = lab.active()
    done = lab.dash("deploy", "--artifact", other["path"])

    assert before[1] == first["version"] != base
    assert done.code == UNCHANGED
    assert "one digest for ever" in done.last
    assert lab.active() == before


def test_two_deploys_at_once_and_the_second_is_refused(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """The second says who holds the lease; the first goes on."""
    del base
    first = lab.start(
        "deploy", "--artifact", artifacts["second"]["path"], "--watch", "15", "--force"
    )
    assert wait_for(
        lambda: "holder" in lab.on("edge-1", "cat", "/var/lib/dash/edge/lease.json", check=False),
        60,
    )
    second = lab.dash("deploy", "--artifact", artifacts["third"]["path"])
    output, _ = first.communicate(timeout=180)

    assert second.code == UNCHANGED
    assert "holds the lease" in second.last
    assert first.returncode == 0, output


def test_the_edge_stays_on_the_new_colour_when_it_restarts(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """The map file is written with the switch; a restart reads it."""
    del base
    lab.ok("deploy", "--artifact", artifacts["third"]["path"], "--watch", "3", "--force")
    color = lab.edge_color()
    lab.on("edge-1", "systemctl", "restart", "haproxy")

    assert wait_for(lambda: lab.status()["active"]["color"] == color, 15)
    assert lab.active()[1] == artifacts["third"]["version"]


def test_the_edge_goes_back_when_the_operators_machine_is_gone(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """SIGKILL in the watch window: the commit-confirm timer takes the edge back, nobody types."""
    before = lab.edge_color()
    process = lab.start(
        "deploy", "--artifact", artifacts["second"]["path"], "--watch", "2", "--force"
    )
    assert wait_for(lambda: lab.edge_color() != before, 120, every=0.1), process.communicate()[0]
    kill_all(process, lab)
    process.communicate(timeout=30)

    assert wait_for(lambda: lab.edge_color() == before, 90)  # 2 s of watching + 60 s of margin
    assert lab.ok("deploy", "--artifact", artifacts["plain"]["path"]).code == 0
    assert lab.active()[1] == base


def test_the_database_down_refuses_a_deploy_but_not_a_rollback_of_code(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """A deploy needs the database; a rollback of code alone does not."""
    lab.ok("deploy", "--artifact", artifacts["second"]["path"], "--watch", "3", "--force")
    lab.on("db-1", "systemctl", "stop", "postgresql@17-main")
    try:
        refused = _deploy(lab, artifacts["third"])
        back = lab.dash("rollback")
    finally:
        lab.on("db-1", "systemctl", "start", "postgresql@17-main")

    assert refused.code == UNCHANGED
    assert "database" in refused.last
    assert back.code == 0, back.output
    assert wait_for(lambda: lab.active()[1] == base, 30)


def test_a_rollback_with_nothing_to_return_to_says_so(lab: Lab, base: str) -> None:
    """A version that never served is refused by name."""
    del base
    done = lab.dash("rollback", "--to-version", "9.9.9")

    assert done.code == UNCHANGED
    assert "never served here" in done.last


def test_an_unreachable_host_refuses_a_deploy(lab: Lab, artifacts: Artifact, base: str) -> None:
    """The line names the host; after it is back a deploy works."""
    container = lab.container("app-blue-1")
    subprocess.run(["podman", "pause", container], check=True, timeout=30)
    try:
        done = _deploy(lab, artifacts["second"], "--force")
    finally:
        subprocess.run(["podman", "unpause", container], check=True, timeout=30)

    assert done.code == UNCHANGED
    assert "app-blue-1" in done.last
    time.sleep(3)
    assert lab.active()[1] == base


def test_a_contract_step_is_held_back_inside_the_window(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """A deploy holds it back; `migrate` refuses while the older release is within its window."""
    lab.ok("deploy", "--artifact", artifacts["contract"]["path"], "--watch", "3", "--force")
    done = lab.dash("migrate")

    assert done.code == UNCHANGED
    assert base in done.last
    lab.ok("rollback")
