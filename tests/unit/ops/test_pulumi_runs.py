"""Pulumi commands that change hosts: their log, their locks, their end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import pulumi
from ops.console import UserError

RESULT = """Updating (lab):
 +  dash:lab:Lab lab created (12s)
Resources:
    + 2 created
    ~ 1 updated
    3 unchanged
Duration: 4s
"""


@pytest.fixture(name="stack")
def _stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack that the backend knows, and a pulumi that prints the file `result`."""
    stack = Stack(tmp_path)
    known = stack.directory / "pulumi/.pulumi/stacks/dash/lab.json"
    known.parent.mkdir(parents=True)
    known.touch()
    (tmp_path / "result").write_text(RESULT)
    program(tmp_path, f'cat "{tmp_path}/result"')
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PULUMI_HOME": str(tmp_path / "home")}
    monkeypatch.setattr(pulumi, "environment", lambda _: environment)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return stack


def program(folder: Path, script: str) -> None:
    path = folder / "pulumi"
    path.write_text(f'#!/bin/sh\necho "$*" >"{folder}/words"\n{script}\n')
    path.chmod(0o755)


def words(stack: Stack) -> str:
    return (stack.root / "words").read_text()


def test_up_tells_what_changed_and_keeps_the_output(stack: Stack) -> None:
    seen: list[str] = []

    assert pulumi.up(stack, seen.append) == "2 created, 1 updated"
    assert words(stack) == "up --yes --skip-preview --stack lab --non-interactive\n"
    assert " +  dash:lab:Lab lab created (12s)" in seen
    assert (stack.directory / "logs/last-pulumi.log").read_text() == RESULT


def test_the_log_holds_the_last_run_only(stack: Stack) -> None:
    pulumi.up(stack)
    pulumi.up(stack)

    assert (stack.directory / "logs/last-pulumi.log").read_text() == RESULT


def test_up_without_changes_says_so(stack: Stack) -> None:
    (stack.root / "result").write_text("Resources:\n    8 unchanged\n")

    assert pulumi.up(stack) == "nothing to change"


def test_a_failure_is_the_line_that_matters_and_the_log(stack: Stack) -> None:
    program(stack.root, "echo 'error: Traceback'; echo 'infra.PodmanError: no podman'; exit 255")
    with pytest.raises(UserError) as raised:
        pulumi.up(stack)

    assert raised.value.line == (
        f"pulumi up failed: no podman (all of it: {stack.directory}/logs/last-pulumi.log)"
    )


def test_what_a_run_was_cut_off_from_is_asked_of_the_state(stack: Stack) -> None:
    """Pulumi goes on without a word of it when it looks first how things are."""
    urn = "urn:pulumi:lab::dash::dash:aws:Cloud$aws:ec2/instance:Instance::db-1"
    state = {"deployment": {"pending_operations": [{"resource": {"urn": urn}, "type": "creating"}]}}
    export = f"case $1 in stack) echo '{json.dumps(state)}' ;; *) echo '%s' ;; esac"
    program(stack.root, export % " +  aws:ec2:Instance db-1 created")
    with pytest.raises(UserError) as raised:
        pulumi.up(stack)

    assert "cut off while creating db-1" in raised.value.line
    program(stack.root, export % " +  dash:lab:Lab lab created")
    assert pulumi.up(stack) == "nothing to change"  # a lab's hosts have names: nothing is asked


def test_destroy_does_not_look_for_what_it_removes(stack: Stack) -> None:
    assert pulumi.destroy(stack)
    assert words(stack).startswith("destroy --refresh=false --yes")


def test_destroy_of_nothing_is_no_work(tmp_path: Path) -> None:
    assert not pulumi.destroy(Stack(tmp_path))


def test_ctrl_c_reaches_pulumi_and_is_said(stack: Stack) -> None:
    program(
        stack.root,
        f"trap 'echo down cleanly; exit 255' INT; kill -INT {os.getpid()}; sleep 5 & wait",
    )
    with pytest.raises(UserError, match="up was interrupted: type the same again"):
        pulumi.up(stack)

    assert "down cleanly" in (stack.directory / "logs/last-pulumi.log").read_text()


def lock(stack: Stack, **holder: object) -> Path:
    path = stack.directory / "pulumi/.pulumi/locks/organization/dash/lab/x.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": 0, "hostname": socket.gethostname(), **holder}))
    return path


def test_the_lock_of_a_killed_pulumi_is_taken_away(stack: Stack) -> None:
    with subprocess.Popen(["true"]) as killed:
        killed.wait()
    held = lock(stack, pid=killed.pid)
    pulumi.up(stack)

    assert not held.exists()


def test_a_number_that_another_program_has_got_since_is_no_pulumi(stack: Stack) -> None:
    held = lock(stack, pid=os.getpid())
    pulumi.unlock(stack)

    assert not held.exists()


def test_the_lock_of_a_running_pulumi_stays(stack: Stack) -> None:
    # a shell script would be called by its interpreter's name
    (stack.root / "bin").mkdir()
    (stack.root / "bin/pulumi").write_bytes(Path("/bin/sleep").read_bytes())
    (stack.root / "bin/pulumi").chmod(0o755)
    with subprocess.Popen([str(stack.root / "bin/pulumi"), "30"]) as running:
        name = Path(f"/proc/{running.pid}/comm")
        while name.read_text() != "pulumi\n":
            time.sleep(0.01)
        held = lock(stack, pid=running.pid)
        pulumi.unlock(stack)
        running.kill()

    assert held.exists()


@pytest.mark.parametrize("holder", [{"hostname": "elsewhere", "pid": 1 << 30}, {"pid": "x"}])
def test_a_lock_that_is_not_ours_to_judge_stays(stack: Stack, holder: dict[str, object]) -> None:
    held = lock(stack, **holder)
    pulumi.unlock(stack)

    assert held.exists()
