"""The Debian packages that the operator's machine needs, and how to get them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops import process
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
QUIET_APT = "DEBIAN_FRONTEND=noninteractive"  # in the command: sudo keeps no variables
HELPERS = ("/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman")


@dataclass(frozen=True)
class Need:
    """A package, and the file that shows that it (or the same thing from elsewhere) is there."""

    package: str
    files: tuple[str, ...]

    def is_met(self, root: Path = Path("/")) -> bool:
        """Tell whether one of the files exists, or a program of that name lies on PATH."""
        for name in self.files:
            if name.startswith("/"):
                if (root / name.lstrip("/")).exists():
                    return True
            elif shutil.which(name, path=search_path()):
                return True
        return False


NEEDS = (
    Need("podman", ("podman",)),
    Need("runc", ("runc",)),
    Need("netavark", tuple(f"{folder}/netavark" for folder in HELPERS)),
    Need("aardvark-dns", tuple(f"{folder}/aardvark-dns" for folder in HELPERS)),
    Need("iptables", ("iptables",)),  # netavark calls it, Debian 12's does not depend on it
    Need("nftables", ("nft",)),
    Need("mmdebstrap", ("mmdebstrap",)),
    Need("debian-archive-keyring", ("/usr/share/keyrings/debian-archive-keyring.gpg",)),
    Need("zstd", ("zstd",)),
    Need("openssh-client", ("ssh",)),
    Need("git", ("git",)),
    Need("ca-certificates", ("/etc/ssl/certs/ca-certificates.crt",)),
)

# Servers and programs that people sign in with, real in the tests.
TEST_NEEDS = (
    Need("slapd", ("slapd",)),
    Need("ldap-utils", ("ldapmodify",)),
    Need("xmlsec1", ("xmlsec1",)),
    Need("chromium", ("chromium",)),
    Need("chromium-driver", ("chromedriver",)),
)
# Tests start their own: those of the packages must not listen on somebody's machine.
TEST_SERVERS = ("slapd",)
BOOTED = Path("/run/systemd/system")  # exists where systemd runs (sd_booted(3))


def search_path() -> str:
    """Return PATH with the folders of administrators' programs, which a user's may lack."""
    return os.pathsep.join([os.environ.get("PATH", ""), *SBIN])


def missing(needs: Iterable[Need] = NEEDS) -> list[str]:
    """Return the packages that are not there."""
    return [need.package for need in needs if not need.is_met()]


def install_command(packages: list[str]) -> str:
    """Return what to type to get the packages."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get install -y --no-install-recommends {' '.join(packages)}"


def install(packages: list[str], log: Path, on_line: Callable[[str], None] | None = None) -> None:
    """Install Debian packages, as root or through sudo.

    Args:
        packages: their names.
        log: where apt's output goes.
        on_line: called with each line of it.

    Raises:
        UserError: they cannot be had; it says what to type.
    """
    command = install_command(packages)
    if not shutil.which("apt-get"):
        raise UserError(f"missing, and no apt-get here: {' '.join(packages)}; install them")
    ask_sudo(command)
    _keep_still([name for name in packages if name in TEST_SERVERS], log)
    install_now = as_root("env", QUIET_APT, *command.removeprefix("sudo ").split())
    for argv in (install_now, as_root("apt-get", "update"), install_now):
        done = process.run(argv, cwd=Path("/"), env=os.environ, log=log, on_line=on_line)
        if argv is install_now and done.code == 0:
            return
    errors = [line.removeprefix("E: ") for line in done.lines if line.startswith("E: ")]
    reason = errors[-1] if errors else "apt-get failed"
    raise UserError(f"{reason}: mend it, or type {command} (all of it: {log})")


def _keep_still(servers: list[str], log: Path) -> None:
    """Mask the units of servers that are about to be installed, which Debian would start."""
    if servers and BOOTED.is_dir():
        units = [f"{name}.service" for name in servers]
        process.run(as_root("systemctl", "mask", *units), cwd=Path("/"), env=os.environ, log=log)


def as_root(*words: str) -> list[str]:
    """Return a command as root runs it; sudo must have been asked before."""
    return list(words) if os.geteuid() == 0 else ["sudo", "-n", *words]


def ask_sudo(command: str) -> None:
    """Let sudo ask for the password now, while somebody looks, unless this is root.

    Args:
        command: what root could type instead.

    Raises:
        UserError: there is no sudo, or it says no.
    """
    if os.geteuid() == 0:
        return
    cure = f"as root, type {command.removeprefix('sudo ')}"
    if not shutil.which("sudo"):
        raise UserError(f"root is needed and there is no sudo: {cure}")
    if subprocess.run(["sudo", "-v"], check=False).returncode:
        raise UserError(f"sudo said no: {cure}")
