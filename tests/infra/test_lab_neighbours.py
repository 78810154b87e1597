"""Labs beside one another, and machines on which one cannot be: one line, nothing half done."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from infra.podman import image, runtime
from ops import pulumi
from tests.infra import conftest as labs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The real thing takes minutes: with --all.
pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture(name="stack")
def _stack() -> Iterator[Stack]:
    with labs.removed_at_the_end(labs.unused()) as stack:
        yield stack


@pytest.fixture(name="elsewhere")
def _elsewhere(tmp_path: Path) -> Path:
    """Another checkout of the same tree."""
    for part in ("infra", "ansible_collections"):
        shutil.copytree(labs.ROOT / part, tmp_path / part)
    shutil.copy(labs.ROOT / "Pulumi.yaml", tmp_path)
    return tmp_path


def test_a_second_stack_lies_beside_the_first_and_leaves_without_a_trace(stack: Stack) -> None:
    """Rehearsed on podman, with two app hosts a colour; the first one notices nothing."""
    pulumi.up(stack)
    second = Stack(stack.root, "staging", stack.lab)
    with labs.removed_at_the_end(second):
        labs.override(second, provider="podman", app_hosts=2)
        pulumi.up(second)
        names = [h["name"] for h in pulumi.outputs(second)["hosts"]]
        reach = f"timeout 3 bash -c '</dev/tcp/{stack.address('db', 1)}/22'"

        assert names == [
            "edge-1", "app-blue-1", "app-blue-2", "app-green-1", "app-green-2", "db-1",
            "monitor-1", "simulator-1",
        ]  # fmt: skip
        assert "10 unchanged" in pulumi.preview(stack)
        assert labs.ssh(second, second.address("edge", 1), "true").returncode == 0
        assert labs.ssh(second, second.address("edge", 1), reach).returncode != 0
        assert pulumi.destroy(second)
        assert labs.left(second, "ps", "--all") == labs.left(second, "network", "ls") == []

    assert len(labs.left(stack, "ps", "--all")) == 6
    assert pulumi.destroy(stack)
    assert labs.left(stack, "ps", "--all") == labs.left(stack, "network", "ls") == []


def test_a_lab_of_another_checkout_is_left_alone(stack: Stack, elsewhere: Path) -> None:
    name = f"{stack.prefix}-db-1"
    runtime.podman("create", "--name", name, "--label", "dash.checkout=1",
                   "--label", "dash.root=/there", image.ensure())  # fmt: skip
    try:
        assert f"container {name} exists and belongs to the checkout /there" in labs.why_not(stack)
        assert pulumi.destroy(stack)
        assert labs.left(stack, "ps", "--all") == [name]
    finally:
        runtime.podman("rm", name)
    other = Stack(elsewhere, "lab", stack.lab)
    with labs.removed_at_the_end(other):
        runtime.podman("network", "create", "--subnet", stack.subnet,
                       "--label", f"dash.checkout={stack.checkout}", stack.prefix)  # fmt: skip
        assert f"network {stack.prefix} exists and belongs to" in labs.why_not(other)
        assert labs.left(other, "network", "ls") == [stack.prefix]
        runtime.podman("network", "rm", stack.prefix)


def test_a_taken_port_names_the_port_and_its_holder(stack: Stack) -> None:
    port = stack.port("https")
    with socket.create_server(("127.0.0.1", port)):
        line = labs.why_not(stack)

    assert f"port {port} on 127.0.0.1 is taken by " in line
    assert f"(pid {os.getpid()})" in line
    assert f"{stack.prefix}-edge-1" not in labs.left(stack, "ps", "--all")
    assert "created" in pulumi.up(stack)


def test_a_run_that_was_killed_is_gone_on_with(stack: Stack) -> None:
    """SIGKILL in the middle: the lock is dead, hosts are half made, nothing is lost or doubled."""
    env = pulumi.environment(stack)
    stack.directory.joinpath("pulumi").mkdir(parents=True)
    words = ["pulumi", "stack", "select", "--create", "lab", "--non-interactive"]
    subprocess.run(words, cwd=stack.root, env=env, check=True, capture_output=True, timeout=60)
    words = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    with subprocess.Popen(
        words, cwd=stack.root, env=env, start_new_session=True, stdout=subprocess.DEVNULL
    ) as run:
        end = time.monotonic() + 120
        while not labs.left(stack, "ps", "--all") and time.monotonic() < end:
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGKILL)

    assert "created" in pulumi.up(stack)
    assert "10 unchanged" in pulumi.preview(stack)
    assert len(labs.left(stack, "ps", "--all")) == 6


def test_aws_is_refused_with_what_to_type_instead(stack: Stack) -> None:
    staging = Stack(stack.root, "staging", stack.lab)
    with labs.removed_at_the_end(staging):
        line = labs.why_not(staging)

    assert "stack staging is on AWS, which comes with a later release of Dash" in line
    assert "./dash up --stack staging --provider podman" in line


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"app_hosts": 0}, "dash:app_hosts of stack lab is 0: 1 to 9 hosts of a kind"),
        ({"provider": "azure"}, "provider 'azure': choose podman or aws"),
        ({"app_host": 2}, "unknown setting app_host: did you mean app_hosts?"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(
    stack: Stack, settings: dict[str, object], said: str
) -> None:
    labs.override(stack, **settings)

    assert said in labs.why_not(stack)
    assert labs.left(stack, "ps", "--all") == []
