"""A small disk of its own over a directory of a host: it can be filled, and nothing else with it.

A file system on a loop device, in a sparse file of the lab's own: what exporters leave out (tmpfs)
would not show. The room is taken with fallocate, which writes nothing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BALLAST = "ballast"
NODE = "/dev/dash-small"


@dataclass(frozen=True)
class Disk:
    """One that is mounted, as seen from inside the host."""

    init: int  # the host's first process
    directory: str

    def run(self, *words: str, check: bool = True) -> str:
        """Run a program of the host with this machine's rights, which has devices."""
        inside = ["nsenter", "--target", str(self.init), "--mount", *words]
        return subprocess.run(
            inside, check=check, capture_output=True, text=True, timeout=60
        ).stdout  # fmt: skip

    def fill(self, share: float) -> None:
        """Take all but a share of it; all of it where that is nothing."""
        sizes = self.run("stat", "-f", "-c", "%S %b %a", self.directory).split()
        block, blocks, free = (int(word) for word in sizes)
        take = (free - int(blocks * share)) * block
        if share:
            self.run("fallocate", "-l", str(take), f"{self.directory}/{BALLAST}")
        else:  # with what is freed meanwhile, until it is refused
            words = ["dd", "if=/dev/zero", f"of={self.directory}/{BALLAST}-rest", "bs=4k"]
            self.run(*words, check=False)

    def make_room(self) -> None:
        """Give back all that was taken."""
        self.run("sh", "-c", f"rm -f {self.directory}/{BALLAST}*")


@contextlib.contextmanager
def small(init: int, directory: str, image: Path, megabytes: int) -> Iterator[Disk]:
    """Have a directory, with what is in it, on a disk of its own while the block runs.

    Whoever uses it must be stopped at the beginning and at the end.
    """
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True, timeout=60)
    loop = subprocess.run(
        ["losetup", "--find", "--show", str(image)],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.strip()  # fmt: skip
    disk = Disk(init, directory)
    try:
        number = os.stat(loop).st_rdev  # noqa: PTH116 -- a device
        disk.run("mknod", NODE, "b", str(os.major(number)), str(os.minor(number)))
        disk.run("mkdir", "-p", "/run/small")
        disk.run("mount", "-t", "ext4", NODE, "/run/small")
        disk.run("cp", "-a", f"{directory}/.", "/run/small/")
        disk.run("mount", "-t", "ext4", NODE, directory)
        yield disk
    finally:
        disk.run("sh", "-c", f"umount {directory}; umount /run/small; rm -f {NODE}", check=False)
        subprocess.run(["losetup", "--detach", loop], check=True, timeout=60)
        image.unlink()
