"""Labs for the tests with real containers: names and subnets that nobody else uses."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import PORTS, Stack
from infra.podman import ports, runtime
from ops import pulumi, state
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(name="moto_stack")
def _moto_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Return a stack on AWS, of moto's own account, of which there are settings alone."""
    from moto import mock_aws  # noqa: PLC0415 -- it takes a second, and few tests need it

    stack = Stack(tmp_path, "staging")
    state.file(stack).parent.mkdir(parents=True)
    state.file(stack).write_text(
        'config:\n  dash:provider: aws\n  dash:account: "123456789012"\n'
        "  dash:region: eu-central-1\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "simulated")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield stack


def unused(root: Path = ROOT, name: str = "lab") -> Stack:
    """Return a stack of a new lab whose subnet and ports are free on this machine."""
    taken = runtime.podman("network", "ls", "--quiet").split()
    listed = json.loads(runtime.podman("network", "inspect", *taken)) if taken else []
    subnets = {s["subnet"] for network in listed for s in network.get("subnets") or []}
    while True:
        stack = Stack(root, name, f"test-{secrets.token_hex(3)}")
        wanted = [stack.port(service) for service in PORTS]
        if stack.subnet not in subnets and all(ports.free(port) for port in wanted):
            return stack


@contextmanager
def removed_at_the_end(stack: Stack) -> Iterator[Stack]:
    """Take the stack down on every way out, also when Pulumi cannot."""
    try:
        yield stack
    finally:
        try:
            pulumi.destroy(stack)
        finally:
            for name in left(stack, "ps", "--all"):
                runtime.podman("rm", "--force", "--time", "0", name)
            for name in left(stack, "network", "ls"):
                runtime.podman("network", "rm", name)
            shutil.rmtree(stack.directory, ignore_errors=True)


def left(stack: Stack, *words: str) -> list[str]:
    """Return the containers (ps --all) or networks (network ls) of a stack."""
    column = "{{.Names}}" if words[0] == "ps" else "{{.Name}}"
    listed = runtime.podman(*words, "--format", column).split()
    return [name for name in listed if name == stack.prefix or name.startswith(f"{stack.prefix}-")]


def override(stack: Stack, **settings: object) -> None:
    """Give the stack settings, as the command line does."""
    stack.directory.mkdir(parents=True, exist_ok=True)
    (stack.directory / "overrides.json").write_text(json.dumps(settings))


def ssh(
    stack: Stack, address: str, command: str, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command on a host, fed with a text, as the roles do: strict about the host's key."""
    words = [
        "ssh",
        "-o",
        "BatchMode=yes",
        "-o",
        f"UserKnownHostsFile={stack.directory}/known_hosts",
    ]
    words += ["-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"]
    words += ["-i", str(stack.directory / "ssh/id_ed25519"), f"ansible@{address}", command]
    return subprocess.run(
        words, input=text, capture_output=True, text=True, check=False, timeout=30
    )


def why_not(stack: Stack) -> str:
    """Bring a stack up that cannot come up, and return the one line that says why."""
    with pytest.raises(UserError) as raised:
        pulumi.up(stack)
    assert "\n" not in raised.value.line
    assert "Traceback" not in raised.value.line
    return raised.value.line
