"""Run podman so that it works on this machine: limits, runtime and cgroups are found by probing."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

UNLIMITED = 1 << 63  # RLIM_INFINITY is -1; its remainder is huge, so ENOUGH is taken
ENOUGH = 20000  # descriptors and processes of one host; a hard limit may be below
TIMEOUT = 120  # seconds for one podman command
CAPABILITIES = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    # systemd's sandboxing is silently ignored without SYS_ADMIN; nftables needs NET_ADMIN.
    "SYS_ADMIN", "NET_ADMIN", "SYS_NICE",
)


class PodmanError(RuntimeError):
    """A podman command failed; `str()` is its last line."""


def cache() -> Path:
    """Return where Dash keeps what all checkouts of this user share."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dash"


def configuration() -> Path:
    """Return the file that CONTAINERS_CONF names; empty when podman's defaults work here."""
    return cache() / "containers.conf"


def podman(*words: str, check: bool = True, timeout: float = TIMEOUT, stdin: str = "") -> str:
    """Run podman and return its standard output. Raises PodmanError."""
    env = dict(os.environ)
    if configuration().exists():
        env["CONTAINERS_CONF"] = str(configuration())
    try:
        done = subprocess.run(
            ["podman", *words], env=env, capture_output=True, text=True, timeout=timeout,
            check=False, input=stdin,
        )
    except FileNotFoundError:
        msg = "podman is not installed. Next: ./dash doctor"
        raise PodmanError(msg) from None
    except subprocess.TimeoutExpired:
        msg = f"podman {words[0]} gave no answer within {timeout:.0f} s"
        raise PodmanError(msg) from None
    if check and done.returncode:
        lines = [x for x in done.stderr.splitlines() if "syslog" not in x] or ["no reason given"]
        msg = f"podman {words[0]}: {lines[-1].removeprefix('Error: ')}"
        raise PodmanError(msg)
    return done.stdout


def probe(image: str) -> None:
    """Find settings with which containers start here, and keep them for every later run.

    Podman's defaults first (cgroup v2, free limits); then runc, cgroupfs and this machine's own
    hard limits, which is what a machine with cgroup v1 or without CAP_SYS_RESOURCE needs.
    """
    file = configuration()
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    files, processes = (
        min(resource.getrlimit(which)[1] % UNLIMITED, ENOUGH)
        for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)
    )
    base = '[containers]\nlog_driver = "k8s-file"\nbase_hosts_file = "none"\n'
    limits = f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
    engine = '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    for text in (base, base + engine, base + limits + engine):
        file.write_text(text, encoding="ascii")
        try:
            podman("run", "--rm", "--network", "none", image, "/bin/true")
        except PodmanError as error:
            last = error
        else:
            return
    file.unlink()
    msg = f"this machine cannot run containers: {last}. Next: ./dash doctor"
    raise PodmanError(msg)
