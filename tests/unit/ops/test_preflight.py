"""Debian packages: found without asking dpkg, installed as root or through sudo."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ops import preflight
from ops.console import UserError
from ops.preflight import Need

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Program = Callable[[str, str], None]


@pytest.fixture(name="program")
def _program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Make programs on a PATH that holds nothing else; they write down their words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(preflight, "SBIN", ())

    def make(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{tmp_path}/calls"\n{script}\n')
        path.chmod(0o755)

    return make


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_a_program_anywhere_on_path_meets_the_need(program: Program) -> None:
    need = Need("podman", ("podman",))
    assert not need.is_met()

    program("podman", "")
    assert need.is_met()


def test_programs_of_administrators_are_found_too(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("nft", "")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(preflight, "SBIN", (str(tmp_path / "bin"),))

    assert Need("nftables", ("nft",)).is_met()


def test_one_of_several_files_meets_the_need(tmp_path: Path) -> None:
    need = Need("netavark", ("/usr/lib/podman/netavark", "/usr/libexec/podman/netavark"))
    assert not need.is_met(tmp_path)

    (tmp_path / "usr/libexec/podman").mkdir(parents=True)
    (tmp_path / "usr/libexec/podman/netavark").touch()
    assert need.is_met(tmp_path)


@pytest.mark.usefixtures("program")
def test_only_what_lacks_is_named() -> None:
    assert preflight.missing([Need("a", ("no-such-a",)), Need("b", ("/",))]) == ["a"]


def test_root_installs_without_sudo(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program("apt-get", 'echo "$DEBIAN_FRONTEND"')
    told: list[str] = []
    preflight.install(["podman", "runc"], tmp_path / "log", told.append)

    assert calls(tmp_path) == ["apt-get install -y --no-install-recommends podman runc"]
    assert told == ["noninteractive"]


def test_others_install_through_sudo_which_asks_first(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program("apt-get", "exit 9")
    program("sudo", "")
    preflight.install(["podman"], tmp_path / "log")

    assert calls(tmp_path) == [
        "sudo -v",
        (
            "sudo -n env DEBIAN_FRONTEND=noninteractive "
            "apt-get install -y --no-install-recommends podman"
        ),
    ]


def test_old_package_lists_are_fetched_again(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program("apt-get", f'[ "$1" = update ] && : >"{tmp_path}/fresh"; [ -e "{tmp_path}/fresh" ]')
    preflight.install(["podman"], tmp_path / "log")

    assert [call.split()[1] for call in calls(tmp_path)] == ["install", "update", "install"]


def test_a_package_that_cannot_be_had_tells_apts_reason_and_the_command(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program("apt-get", "echo 'E: Unable to locate package podman'; exit 100")
    with pytest.raises(UserError) as raised:
        preflight.install(["podman"], tmp_path / "log")

    assert raised.value.line == (
        "Unable to locate package podman: mend it, or type apt-get install -y "
        f"--no-install-recommends podman (all of it: {tmp_path / 'log'})"
    )


def test_a_machine_without_apt_is_told_what_to_install(program: Program, tmp_path: Path) -> None:
    program("true", "")
    with pytest.raises(UserError, match="no apt-get here: podman; install them"):
        preflight.install(["podman"], tmp_path / "log")


def test_root_is_never_asked_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "")
    preflight.ask_sudo("./dash up")

    assert preflight.as_root("podman", "ps") == ["podman", "ps"]


@pytest.mark.parametrize("sudo", [None, "exit 1"])
def test_without_root_and_without_sudo_it_says_what_root_types(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sudo: str | None
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program("apt-get", "")
    if sudo:
        program("sudo", sudo)
    with pytest.raises(UserError, match="as root, type apt-get install"):
        preflight.install(["podman"], tmp_path / "log")


@pytest.mark.parametrize(("package", "masked"), [("slapd", True), ("zstd", False)])
def test_a_server_that_only_tests_need_is_not_started_by_its_package(
    package: str,
    masked: bool,
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "BOOTED", tmp_path)
    program("systemctl", "exit 0")
    program("apt-get", "exit 0")

    preflight.install([package], tmp_path / "log")

    *before, last = calls(tmp_path)
    assert before == (["systemctl mask slapd.service"] if masked else [])
    assert last.startswith("apt-get install")


def test_where_no_systemd_runs_there_is_nothing_to_mask(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "BOOTED", tmp_path / "none")
    program("apt-get", "exit 0")

    preflight.install(["slapd"], tmp_path / "log")

    assert len(calls(tmp_path)) == 1
