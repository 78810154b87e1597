"""A small disk of its own over a directory of a host, which is a container of this machine.

A file system on a loop device, in a sparse file of the stack's own: what exporters leave out
(tmpfs) would not show. What was there before lies beside it as `<directory>.kept` until what was
written meanwhile is carried back, so that a host that is started anew in between finds an empty
directory that nobody may write to, not an old one to go on from.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.client import WorldError

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.client import Client

BALLAST = "dash-chaos-ballast"
NODE = "/dev/dash-chaos-disk"
BESIDE = "/run/dash-chaos-disk"  # exporters leave /run out: nothing is told twice
COPY = 120.0  # seconds for what lies in the directory


@dataclass(frozen=True)
class Small:
    """One for a directory of a host, there or not."""

    client: Client
    host: str
    directory: str
    unit: str  # that writes there; it is stopped while the disk is brought and taken away

    @property
    def image(self) -> Path:
        """Return the file that is the disk."""
        name = f"{self.host}-{zlib.crc32(self.directory.encode()):08x}.img"
        return self.client.stack.directory / "chaos" / "disks" / name

    def bring(self, megabytes: int) -> None:
        """Put the directory, with what is in it, on a disk of that size.

        Raises:
            WorldError: it lies on one already, or what is in it does not fit.
        """
        if self.image.exists():
            raise WorldError(f"{self.host}: {self.directory} has a small disk already")
        self.image.parent.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as file:
            file.truncate(megabytes << 20)
        self.client.machine("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        self.client.sh(self.host, f"systemctl stop {self.unit}")
        self._inside(f"{self._device()}\n{move_onto(self.directory)}", COPY)
        self.client.sh(self.host, f"systemctl start {self.unit}")

    def fill(self, leave: int) -> None:
        """Take all of it but so many percent; with 0 what is freed meanwhile too."""
        self.client.sh(self.host, take(self.directory, leave))

    def empty(self) -> None:
        """Give back what was taken."""
        self.client.sh(self.host, f"rm -f {self.directory}/{BALLAST}*")

    def attach(self) -> None:
        """Bring the disk back to a host that was started anew while it had one."""
        if not self.image.exists():
            return
        d = self.directory
        lost = (
            f'[ -d {d}.kept ] && ! mountpoint -q {d} && [ -z "$(ls -A {d})" ] && echo lost || true'
        )
        if self.client.sh(self.host, lost).strip():
            self.client.sh(self.host, f"systemctl stop {self.unit}")
            self._inside(f"{self._device()}\nmount -t ext4 {NODE} {d}")

    def detach(self) -> None:
        """Take the disk away, which nothing is mounted from any more."""
        if not self.image.exists():
            return
        for device in self._loops():
            self.client.machine("losetup", "--detach", device)
        self.image.unlink()

    def _loops(self) -> list[str]:
        found = self.client.machine("losetup", "--associated", str(self.image))
        return [line.partition(":")[0] for line in found.splitlines() if line]

    def _device(self) -> str:
        """Return what makes the disk a device of the host, which has none of its own."""
        attach = ("losetup", "--find", "--show", str(self.image))
        loop = (self._loops() or [self.client.machine(*attach).strip()])[0]
        numbers = self.client.machine("stat", "-c", "%Hr %Lr", loop).strip()
        return f"rm -f {NODE}\nmknod {NODE} b {numbers}"

    def _inside(self, script: str, seconds: float = 60.0) -> None:
        """Run a script among the host's files with this machine's rights, which has devices."""
        container = self.client.stack.host(self.host).container
        first = self.client.podman("inspect", "--format", "{{.State.Pid}}", container).strip()
        inside = ("nsenter", "--target", first, "--mount", "/bin/bash", "-euo", "pipefail", "-c")
        self.client.machine(*inside, script, timeout=seconds)


def take(directory: str, leave: int) -> str:
    """Return the script that takes the room of a directory's disk."""
    file = f"{directory}/{BALLAST}"
    # fallocate takes room without writing it.
    most = (
        f"read -r block blocks free <<< $(stat -f -c '%S %b %a' {directory})\n"
        f"take=$(((free - blocks * {leave} / 100) * block))\n"
        f"[ $take -le 0 ] || fallocate -l $take {file}"
    )
    if leave:
        return most
    # A hole in a file that a program has mapped would kill it once there is no block for it
    # (Prometheus: queries.active): another fault than a disk that is full.
    holes = (
        f"find {directory} -xdev -type f -size +0 -size -1024k -exec "
        'sh -c \'fallocate -l $(stat -c %s "$1") "$1"\' - {} \\;\n'
    )
    # Who writes meanwhile was quicker: what is left is taken all the same.
    return f"{holes}{most} || true\ndd if=/dev/zero of={file}-rest bs=4k 2>/dev/null || true"


def carry_back(directory: str, unit: str) -> str:
    """Return the script that has a directory where it was, with all that was written meanwhile.

    It goes on from wherever it was ended. Room is made first: a database that stops writes.
    """
    d, x = directory, BESIDE
    return f"""\
rm -f {d}/{BALLAST}*
if [ -d {d}.kept ] || mountpoint -q {x}; then
  systemctl stop {unit}
  mkdir -p {x}
  if mountpoint -q {d}; then
    mountpoint -q {x} || mount --bind {d} {x}
    umount {d}
  fi
  if [ ! -d {d}.kept ]; then
    : # the disk was never in use
  elif mountpoint -q {x}; then
    rm -rf {d}.new {d}.old
    cp -a {x} {d}.new
    if [ -e {d} ]; then mv {d} {d}.old; fi
    mv {d}.new {d}
    rm -rf {d}.old {d}.kept
  elif [ -z "$(ls -A {d} 2>/dev/null)" ]; then
    rm -rf {d}
    mv {d}.kept {d}
  else
    rm -rf {d}.kept
  fi
  if mountpoint -q {x}; then umount {x}; fi
fi
rm -rf {x} {NODE}
systemctl reset-failed {unit} 2>/dev/null || true
systemctl start {unit}"""


def move_onto(directory: str) -> str:
    """Return the script that copies a directory onto the disk, and mounts that in its place."""
    d, x = directory, BESIDE
    return f"""\
mkdir -p {x}
mount -t ext4 {NODE} {x}
rmdir {x}/lost+found
cp -a {d}/. {x}/
umount {x}
mv {d} {d}.kept
mkdir -m 0 {d}
mount -t ext4 {NODE} {d}"""
