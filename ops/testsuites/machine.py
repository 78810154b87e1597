"""What the suites with containers need: Debian packages, the host image, podman's settings."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops import preflight
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUILD_SECONDS = 1500
# A process of its own: infra/ is a neighbour that ops/ does not import.
ENSURE = """
import json
from infra.podman import image, runtime
name = image.ensure()
file = runtime.configuration()
print(json.dumps({"image": name, "containers_conf": str(file) if file.exists() else ""}))
"""


@dataclass(frozen=True)
class Machine:
    """The host image and the file that makes podman work here (may be empty)."""

    image: str
    containers_conf: str

    @property
    def env(self) -> dict[str, str]:
        """Return the variables by which tests find both."""
        conf = {"CONTAINERS_CONF": self.containers_conf} if self.containers_conf else {}
        return {"DASH_TEST_IMAGE": self.image, **conf}


def prepare(root: Path, log: Path, say: Callable[[str], None]) -> Machine:
    """Install what is missing, build the host image when it is not there.

    Args:
        root: the checkout.
        log: where apt's output goes.
        say: shows one line to the person.

    Raises:
        UserError: it cannot be had; one line that says why.
    """
    lacking = preflight.missing((*preflight.NEEDS, *preflight.TEST_NEEDS))
    if lacking:
        say(f"installing Debian packages: {' '.join(lacking)}")
        preflight.install(lacking, log, say)
    say("looking for the host image (about a minute when it must be built)")
    try:
        done = subprocess.run(
            [sys.executable, "-c", ENSURE],
            cwd=root,
            check=False,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"the host image was not built within {BUILD_SECONDS} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"no host image: {last}")
    return Machine(**_fields(json.loads(done.stdout.splitlines()[-1])))


def _fields(document: dict[str, str]) -> dict[str, str]:
    return {"image": document["image"], "containers_conf": document["containers_conf"]}
