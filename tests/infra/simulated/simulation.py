"""A simulated AWS on loopback: moto's server in a process of its own, and the way to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent
DEBIAN = "136693071363"  # the account that publishes Debian's images
START = 30.0  # seconds until the server answers; 3 s are usual


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """Where the simulated AWS answers, and in which region one works."""

    url: str
    region: str

    def ask_policies(self, *, ask: bool) -> None:
        """Have each caller's policies asked from now on, or nobody's."""
        count = b"0" if ask else b"inf"
        plain = {"Content-Type": "text/plain"}
        words = urllib.request.Request(f"{self.url}/moto-api/reset-auth", count, plain)  # noqa: S310 -- loopback
        urllib.request.urlopen(words, timeout=10).close()  # noqa: S310 -- the same

    def environment(self) -> dict[str, str]:
        """Return what leads every client of AWS there and nowhere else, the plugin included."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",  # pragma: allowlist secret
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{HERE}:{os.environ['PATH']}",
        }


@contextmanager
def running(directory: Path, region: str, images: Sequence[str]) -> Iterator[Simulation]:
    """Run a simulated AWS.

    Args:
        directory: where its log and its list of images go.
        region: in which clients work.
        images: names of Debian's images that can be had there.
    """
    listed = directory / "images.json"
    listed.write_text(json.dumps([_image(number, name) for number, name in enumerate(images)]))
    env = {
        **os.environ,
        "MOTO_AMIS_PATH": str(listed),
        "MOTO_ENABLE_AMI_VALIDATION": "true",
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "MOTO_ACM_VALIDATION_WAIT": "0",
    }
    port = _port()
    program = str(HERE / "server.py")
    command = [sys.executable, "-P", program, "-H", "127.0.0.1", "-p", str(port)]
    with (directory / "moto.log").open("w") as log:
        server = subprocess.Popen(
            command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(server, url)
        yield Simulation(url=url, region=region)
    finally:
        server.terminate()
        server.wait(timeout=10)


def _image(number: int, name: str) -> dict[str, object]:
    return {
        "ami_id": f"ami-{number + 1:08x}",
        "state": "available",
        "public": True,
        "owner_id": DEBIAN,
        "name": name,
        "description": name,
        "architecture": "x86_64",
        "image_location": f"{DEBIAN}/{name}",
        "image_type": "machine",
        "platform": None,
        "root_device_type": "ebs",
        "root_device_name": "/dev/xvda",
        "sriov": "simple",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "creation_date": "2026-09-21T00:00:00.000Z",
    }


def _port() -> int:
    """Return a free port: moto does not say which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the simulated AWS ended with {server.returncode}: see moto.log")
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=1).close()  # noqa: S310 -- loopback
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the simulated AWS did not answer within {START:.0f} s: see moto.log")
