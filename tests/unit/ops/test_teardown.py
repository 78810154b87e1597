"""Down leaves nothing of the stack, and nothing else is touched."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import pulumi, teardown
from ops.console import UserError

if TYPE_CHECKING:
    from tests.unit.ops.conftest import Checkout


class Machine:
    """What podman and ss would say, and what they were told to do."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, ...], str] = {}
        self.done: list[tuple[str, ...]] = []

    def run(self, *argv: str) -> str:
        self.done.append(argv)
        return next((a for words, a in self.answers.items() if argv[: len(words)] == words), "")


@pytest.fixture(name="machine")
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    machine = Machine()
    monkeypatch.setattr(teardown, "_run", machine.run)
    monkeypatch.setattr(teardown.shutil, "which", lambda _: "/usr/bin/podman")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return machine


@pytest.fixture(name="destroyed")
def _destroyed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def destroy(names: Stack) -> bool:
        if (known := (names.directory / "pulumi/.pulumi")).exists():
            seen.append(names.name)
        return known.exists()

    monkeypatch.setattr(pulumi, "destroy", destroy)
    return seen


def fill(state: Path) -> None:
    for name in (
        "pulumi/.pulumi/x", "secrets/db", "logs/a.log", "artifacts/a.tar.zst", "ca.pem",
        "chaos/faults/x.json", "chaos/runs/x/record.json",
    ):  # fmt: skip
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("x")


@pytest.mark.usefixtures("machine")
def test_down_removes_state_and_keeps_logs_and_caches(
    checkout: Checkout, destroyed: list[str]
) -> None:
    fill(checkout.state)
    code, out, _ = checkout.dash("down")

    assert (code, destroyed) == (0, ["lab"])
    assert sorted(path.name for path in checkout.state.iterdir()) == [
        "artifacts", "chaos", "logs", "timings.json"
    ]  # fmt: skip
    assert [path.name for path in (checkout.state / "chaos").iterdir()] == ["runs"]
    assert out.splitlines()[-1].startswith("lab is down after 0.")


def test_purge_removes_everything(
    checkout: Checkout, machine: Machine, destroyed: list[str], tmp_path: Path
) -> None:
    fill(checkout.state)
    (tmp_path / "cache/dash/tools").mkdir(parents=True)
    machine.answers[("podman", "images")] = "abc\ndef\n"
    code, _, _ = checkout.dash("down", "--purge")

    assert code == 0
    assert destroyed == ["lab"]
    assert not checkout.state.exists()
    assert not (tmp_path / "cache/dash").exists()
    assert ("podman", "rmi", "abc") in machine.done


@pytest.mark.usefixtures("machine")
def test_down_is_fine_when_nothing_is_up(checkout: Checkout, destroyed: list[str]) -> None:
    code, out, _ = checkout.dash("down", "--json")

    assert (code, destroyed) == (0, [])
    assert json.loads(out)["outcome"] == "done"


@pytest.mark.usefixtures("machine")
def test_hosts_that_cannot_be_removed_keep_their_state(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Stack) -> bool:
        raise UserError("pulumi destroy failed: no podman")

    fill(checkout.state)
    monkeypatch.setattr(pulumi, "destroy", fail)
    code, _, err = checkout.dash("down")

    assert code == 1
    assert "pulumi destroy failed: no podman" in err
    assert (checkout.state / "secrets/db").exists()


def test_containers_that_pulumi_forgot_are_swept_by_exact_name(machine: Machine) -> None:
    """The unnamed lab's names begin like those of a lab that is called `lab`."""
    names = Stack(Path("/somewhere"))
    machine.answers[("podman", "ps")] = (
        "dash-lab-edge-1 dash-lab-app-blue-2 dash-lab-staging-edge-1 dash-lab-edge-1x other"
    )
    machine.answers[("podman", "network", "ls")] = "dash-lab dash-lab-staging"

    assert teardown.sweep(names) == ["dash-lab-edge-1", "dash-lab-app-blue-2", "network dash-lab"]
    assert machine.done[0][4] == f"label=dash.checkout={names.checkout}"
    assert ("podman", "rm", "--force", "--time", "0", "dash-lab-edge-1", "dash-lab-app-blue-2") in (
        machine.done
    )


def test_what_was_swept_is_said(checkout: Checkout, machine: Machine) -> None:
    machine.answers[("podman", "ps")] = "dash-lab-db-1"
    _, out, _ = checkout.dash("down")

    assert "dash-lab-db-1 were left over" in out


def test_without_podman_there_is_nothing_to_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teardown.shutil, "which", lambda _: None)

    assert teardown.sweep(Stack(Path("/x"))) == []


def test_ssh_connections_into_the_stack_are_ended_and_no_others(machine: Machine) -> None:
    with subprocess.Popen(["sleep", "30"]) as ssh, subprocess.Popen(["sleep", "30"]) as curl:
        machine.answers[("ss",)] = (
            f'0 0 10.89.50.1:4 10.89.50.11:22 users:(("ssh",pid={ssh.pid},fd=3))\n'
            f'0 0 10.89.50.1:5 10.89.50.11:443 users:(("curl",pid={curl.pid},fd=3))\n'
        )
        assert teardown.close_connections("10.89.50.0/24") == 1
        assert ssh.wait(5) == -signal.SIGTERM
        assert curl.poll() is None
        curl.kill()

    assert machine.done == [("ss", "-Htnp", "state", "established", "dst", "10.89.50.0/24")]


def test_a_connection_that_ended_by_itself_is_no_error(machine: Machine) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
        machine.answers[("ss",)] = f'users:(("ssh",pid={gone.pid},fd=3))'

    assert teardown.close_connections("10.89.50.0/24") == 1


def test_a_link_in_the_state_directory_is_removed_not_followed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").touch()
    (tmp_path / "state/link").symlink_to(tmp_path / "elsewhere")
    teardown.remove_state(tmp_path / "state", ())

    assert (tmp_path / "elsewhere/file").exists()
    assert list((tmp_path / "state").iterdir()) == []


def test_programs_are_run_and_their_failure_is_nothing_to_report() -> None:
    started = time.monotonic()

    assert teardown._run("sh", "-c", "echo out; exit 3") == "out\n"
    assert time.monotonic() - started < 5
