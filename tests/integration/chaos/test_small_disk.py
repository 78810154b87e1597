"""What is carried back from a small disk, on real mounts, also when it was ended in the middle."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from chaos.disk import small

MOST = 60  # more commands than the script has


class Host:
    """Files and mounts of a host, in a mount namespace of their own for each script."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.beside = directory / "beside"
        self.log = directory / "systemctl.log"
        self.data.mkdir()
        (self.data / "table").write_text("old")

    def bash(self, script: str) -> str:
        """Run a script as root of a namespace; systemctl only says that it was called."""
        tools = f'systemctl() {{ echo "$*" >> {self.log}; }}\nset -euo pipefail\n'
        return subprocess.run(
            ["unshare", "--map-root-user", "--mount", "/bin/bash", "-c", tools + script],
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip

    def carry_back(self) -> str:
        script = small.carry_back(str(self.data), "db.service")
        return script.replace(small.BESIDE, str(self.beside)).replace(small.NODE, "/dev/null/none")

    def bring(self) -> str:
        """Return the script that brings a disk: tmpfs, which needs no device."""
        script = small.move_onto(str(self.data)).replace("rmdir", "true ")
        script = script.replace(f"umount {small.BESIDE}\n", "")
        script = script.replace(f"mount -t ext4 {small.NODE} {self.data}", "true")
        script = script.replace(f"-t ext4 {small.NODE}", "-t tmpfs chaos")
        return (
            script.replace(small.BESIDE, str(self.beside))
            + f"\nmount --move {self.beside} {self.data} 2>/dev/null"
            f" || {{ mount --bind {self.beside} {self.data}; umount {self.beside}; }}\n"
        )

    @property
    def found(self) -> dict[str, str]:
        """Return what lies where the directory was, without any mount."""
        return {path.name: path.read_text() for path in self.data.iterdir()}


WRITE = "echo -n new > {d}/table; echo -n more > {d}/added; touch {d}/dash-chaos-ballast-rest\n"


def test_what_was_written_meanwhile_is_there_afterwards_and_nothing_else(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.bash(host.bring() + WRITE.format(d=host.data) + host.carry_back())

    assert host.found == {"table": "new", "added": "more"}
    assert {path.name for path in tmp_path.iterdir()} == {"data", "systemctl.log"}


def test_ended_after_any_command_and_begun_again_nothing_is_lost(tmp_path: Path) -> None:
    """Killed before its first, second, ... command, each time undone anew."""
    ended = 0
    for cut in range(1, MOST):
        (tmp_path / str(cut)).mkdir()
        host = Host(tmp_path / str(cut))
        dies = f"n=0; trap '(( ++n == {cut} )) && exit 9' DEBUG\n{host.carry_back()}"
        died = f"( {dies}\n) && echo whole\n"
        said = host.bash(
            f"{host.bring()}{WRITE.format(d=host.data)}set +e\n{died}set -e\n{host.carry_back()}"
        )
        ended += "whole" not in said
        assert host.found == {"table": "new", "added": "more"}, cut
        assert {path.name for path in host.data.parent.iterdir()} == {"data", "systemctl.log"}

    assert 10 < ended < MOST - 1, "the script has ends at both sides of these"


def test_a_host_that_was_started_anew_has_nothing_to_go_on_from(tmp_path: Path) -> None:
    """Its mounts are gone: the directory is empty and closed, what was there lies beside it."""
    host = Host(tmp_path)
    host.bash(host.bring() + WRITE.format(d=host.data))

    assert host.found == {}
    assert oct(host.data.stat().st_mode & 0o777) == "0o0"
    assert (tmp_path / "data.kept" / "table").read_text() == "old"
    host.bash(host.carry_back())
    assert host.found == {"table": "old"}, "better than nothing, where the disk is gone too"


def test_without_a_disk_a_unit_is_not_stopped(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.bash(host.carry_back() + "\n" + host.carry_back())

    assert "stop" not in host.log.read_text()
    assert host.found == {"table": "old"}


@pytest.mark.parametrize("leave", [3, 0])
def test_a_disk_is_filled_but_for_what_is_left(tmp_path: Path, leave: int) -> None:
    host = Host(tmp_path)
    said = host.bash(
        f"mount -t tmpfs -o size=20m chaos {host.data}\n{small.take(str(host.data), leave)}\n"
        f"stat -f -c '%b %a' {host.data}"
    )
    blocks, free = (int(word) for word in said.split())
    assert round(100 * free / blocks) == leave
