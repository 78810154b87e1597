"""Run podman so that it works on this machine: limits, runtime and cgroups are found by probing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # a user's PATH may lack them; netavark needs them
ENOUGH = 20000  # descriptors and processes of one host; a hard limit may be below
TIMEOUT = 120  # seconds for one podman command
MISSING = "podman is not installed. Next: ./dash doctor"
NEED_ROOT = "podman needs root here and sudo asks for a password. Next: sudo -v, then this again"
CAPABILITIES = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    # systemd's sandboxing is silently ignored without SYS_ADMIN; nftables needs NET_ADMIN.
    "SYS_ADMIN", "NET_ADMIN", "SYS_NICE",
)  # fmt: skip


class LabError(RuntimeError):
    """Something that the operator can mend; `str()` is one line."""

    __module__ = "builtins"  # what is shown begins with the class, not with where it lies


class PodmanError(LabError):
    """A podman command failed, or would."""

    __module__ = "builtins"


@contextmanager
def one_line() -> Iterator[None]:
    """Have Pulumi show the operator's mistakes as one line: it prints the traceback of all else."""
    try:
        yield
    except LabError:
        sys.tracebacklimit = 0
        raise


def cache() -> Path:
    """Return where Dash keeps what all checkouts of this user share."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dash"


def configuration() -> Path:
    """Return the file that CONTAINERS_CONF names; it is there once `probe` has run."""
    return cache() / "containers.conf"


def environment() -> dict[str, str]:
    """Return this process's environment with the folders of administrators' programs on PATH."""
    path = os.pathsep.join([os.environ.get("PATH", "/usr/bin:/bin"), *SBIN])
    return {**os.environ, "PATH": path}


def as_root(*words: str) -> list[str]:
    """Return the command as root would type it: hosts with fixed addresses need root's podman."""
    return list(words) if os.geteuid() == 0 else ["sudo", "-n", *words]


def podman(
    *words: str, check: bool = True, timeout: float = TIMEOUT, conf: Path | None = None
) -> str:
    """Run podman and return its standard output.

    Args:
        words: the command line after `podman`.
        check: raise when podman says no; otherwise return what it printed.
        timeout: seconds.
        conf: a settings file to try instead of the probed one.

    Raises:
        PodmanError: it said no (and `check`), or gave no answer in time.
    """
    file = conf or configuration()
    setting = [f"CONTAINERS_CONF={file}"] if file.exists() else []
    try:
        done = subprocess.run(
            as_root("env", *setting, "podman", *words),
            env=environment(), capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PodmanError(f"podman {words[0]} gave no answer within {timeout:.0f} s") from None
    if done.returncode == 127:  # noqa: PLR2004 -- env's answer for a program that is not there
        raise PodmanError(MISSING)
    if check and done.returncode:
        raise PodmanError(reason(words[0], done.stderr))
    return done.stdout


def reason(verb: str, stderr: str) -> str:
    """Return the line of podman's complaint that says what is wrong."""
    lines = [x for x in stderr.splitlines() if x.strip() and "syslog" not in x]
    if any(x.startswith("sudo:") for x in lines):
        return NEED_ROOT
    line = lines[-1] if lines else "no reason given"
    return f"podman {verb}: {line.removeprefix('Error: ')}"


def candidates() -> list[str]:
    """Return the settings to try, the most ordinary first.

    Podman's own defaults suit cgroup v2 and free limits; runc, cgroupfs and this machine's own
    hard limits are what cgroup v1 or a root without CAP_SYS_RESOURCE needs.
    """
    files, processes = (
        ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
        for hard in (
            resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            resource.getrlimit(resource.RLIMIT_NPROC)[1],
        )
    )
    # Without base_hosts_file the machine's /etc/hosts leaks into every host.
    base = '[containers]\nlog_driver = "k8s-file"\nbase_hosts_file = "none"\n'
    limits = f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
    engine = '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    return [base, base + limits, base + engine, base + limits + engine]


def probe(image: str) -> None:
    """Find settings with which containers start here, and keep them for every later run.

    Done again when podman was upgraded.

    Raises:
        PodmanError: nothing works; says what podman said last.
    """
    stamp = f"# found by trying, with {podman('--version').strip()}\n"
    file = configuration()
    if file.exists() and file.read_text(encoding="utf-8").startswith(stamp):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    trial = file.with_name(f"containers.{os.getpid()}.conf")
    last: PodmanError | None = None
    try:
        for text in candidates():
            trial.write_text(stamp + text, encoding="ascii")
            try:
                podman("run", "--rm", "--network", "none", image, "/bin/true", conf=trial)
            except PodmanError as error:
                last = error
            else:
                trial.replace(file)
                return
    finally:
        trial.unlink(missing_ok=True)
    raise PodmanError(f"this machine cannot run containers: {last}. Next: ./dash doctor")
