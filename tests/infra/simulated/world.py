"""A checkout of its own, a stack of it, and a simulated AWS for it to stand in."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jmespath
import psutil
import pytest
import yaml

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import pulumi
from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.simulation import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.infra.simulated.simulation import Simulation

ROOT = Path(__file__).resolve().parents[3]
PARTS = ("ansible_collections", "infra", "inventories")
LIVING = "Reservations[].Instances[] | [?State.Name!='terminated']"
PATIENCE = 400.0  # seconds for a program to come as far as a test waits for: 30 are usual
QUIET = 3.0  # seconds after which a pulumi that writes nothing down has nothing more to do


@dataclass(frozen=True, kw_only=True)
class World:
    """Where a story happens: `cloud` is the simulated AWS as a bystander sees it."""

    root: Path
    cloud: Cloud
    simulation: Simulation

    def stack(self, name: str) -> Stack:
        """Return a stack of the checkout that nobody else has."""
        return Stack(self.root, name, f"test-{secrets.token_hex(3)}")

    def set(self, stack: str, name: str, value: str) -> None:
        """Change a setting in a stack's file, as an operator does."""
        file = self.root / "infra" / "stacks" / f"Pulumi.{stack}.yaml"
        document = yaml.safe_load(file.read_text("utf-8"))
        assert f"dash:{name}" in document["config"]
        document["config"][f"dash:{name}"] = value
        file.write_text(yaml.safe_dump(document), encoding="utf-8")

    def instances(self) -> dict[str, list[str]]:
        """Return the ids of the instances that live, by their tag `dash:name`."""
        found: dict[str, list[str]] = {}
        for one in jmespath.search(LIVING, self.cloud.call("ec2", "describe_instances", {})):
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            found.setdefault(tags["dash:name"], []).append(one["InstanceId"])
        return found


@contextmanager
def made(directory: Path) -> Iterator[World]:
    """Make a checkout and a simulated AWS with the zone and the images that its stacks want."""
    root = directory / "checkout"
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Pulumi.yaml", "ansible.cfg"):
        shutil.copy(ROOT / file, root)
    config = [settings(root, name) for name in ("staging", "production")]
    region = config[0]["region"]
    images = sorted({each["image"] for each in config})
    with (
        pytest.MonkeyPatch.context() as patch,
        running(directory, region, images) as simulation,
    ):
        for name, value in simulation.environment().items():
            patch.setenv(name, value)
        cloud = Cloud(region)
        for zone in {each["hosted_zone"] for each in config}:
            cloud.call("route53", "create_hosted_zone", {"Name": zone, "CallerReference": zone})
        yield World(root=root, cloud=cloud, simulation=simulation)


def settings(root: Path, stack: str) -> dict[str, Any]:
    """Return the settings in a stack's file, without their prefix."""
    text = (root / "infra" / "stacks" / f"Pulumi.{stack}.yaml").read_text("utf-8")
    config = yaml.safe_load(text)["config"]
    return {key.removeprefix("dash:"): value for key, value in config.items()}


def run(
    stack: Stack, *words: str, text: str = "", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a program as the operator of a stack would type it, fed with a text; see how it ends."""
    done = subprocess.run(
        words, cwd=stack.root, env=pulumi.environment(stack), capture_output=True, text=True,
        check=False, input=text, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


def killed(stack: Stack, verb: str, host: str, when: Callable[[], bool]) -> None:
    """Run a verb of pulumi that never hears what became of a host, and kill it and all it started.

    That is what is left of a command when the operator's machine loses its power. All else that
    it was doing is done and written down by then.

    Args:
        stack: the stack.
        verb: up or destroy.
        host: whose instance AWS makes or removes, without an answer.
        when: tells that it has.
    """
    env = {**pulumi.environment(stack), "DASH_SIMULATED_HANG": host}
    state = stack.directory / "pulumi" / ".pulumi" / "stacks" / "dash" / f"{stack.name}.json"

    def settled() -> bool:
        return when() and time.time() - state.stat().st_mtime > QUIET

    words = ["pulumi", verb, "--yes", "--skip-preview", "--non-interactive", "--stack", stack.name]
    with (stack.directory / f"killed-{verb}.log").open("w") as log:
        command = subprocess.Popen(
            words,
            cwd=stack.root,
            env=env,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not settled():
            assert command.poll() is None, Path(log.name).read_text("utf-8")
            assert time.monotonic() < deadline, Path(log.name).read_text("utf-8")
            time.sleep(0.05)
    finally:
        if command.poll() is None:
            started = psutil.Process(command.pid).children(recursive=True)
            command.kill()  # first: it is not to see the others go
            for child in started:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            command.wait()
