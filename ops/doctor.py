"""What is missing or broken on this machine and in the stack, each with what mends it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ops import preflight

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.view import Facts

GIB = 1 << 30
PROCESSES = Path("/proc")
HOST_IMAGE = "localhost/dash-host"
DISK_GIB = (3, 8)  # broken below the first, a warning below the second
MEMORY_GIB = (0.7, 1.5)
CERTIFICATE_DAYS = (1, 14)
HOST_DISK_MIB = (512, 1024)


class Level(StrEnum):
    """How a check ended; `note` is no fault."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    BROKEN = "broken"


STYLES = {Level.OK: "green", Level.NOTE: "dim", Level.WARN: "yellow", Level.BROKEN: "red"}


@dataclass(frozen=True)
class Check:
    """What was looked at, what was seen, and the command that mends it."""

    name: str
    level: Level
    seen: str
    mend: str = ""


def python() -> Check:
    """Look at the interpreter that runs this."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", Level.OK, f"{version} in {sys.prefix}")


def packages() -> Check:
    """Look for the Debian packages."""
    lacking = preflight.missing()
    if lacking:
        mend = preflight.install_command(lacking)
        return Check("packages", Level.BROKEN, f"missing: {' '.join(lacking)}", mend)
    return Check("packages", Level.OK, f"all {len(preflight.NEEDS)} are there")


def podman(conf: Path) -> Check:
    """Look whether containers run here: a host image when there is one, else podman's own word.

    Args:
        conf: the settings that `up` found by trying; may not be there yet.
    """
    settings = ["env", *([f"CONTAINERS_CONF={conf}"] if conf.exists() else []), "podman"]
    images = _run(preflight.as_root(*settings, "images", "--quiet", HOST_IMAGE))
    if images is None:
        return Check("podman", Level.BROKEN, "it cannot be run", "./dash up")
    if images.returncode:
        return Check("podman", Level.BROKEN, _last(images.stderr), "./dash up")
    if not (image := images.stdout.split()[:1]):
        return Check("podman", Level.NOTE, "answers; no host image yet to try", "./dash up")
    words = [*settings, "run", "--rm", "--network", "none", *image, "/bin/true"]
    done = _run(preflight.as_root(*words))
    if done is None or done.returncode:
        said = _last(done.stderr) if done else "it gave no answer"
        mend = f"rm -f {conf}; ./dash up, which tries the settings again"
        return Check("podman", Level.BROKEN, f"a container does not run: {said}", mend)
    return Check("podman", Level.OK, "runs a container")


def disk(path: Path) -> Check:
    """Look at the free space where the checkout, or the containers, lie."""
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free / GIB
    return Check(
        "disk",
        _level(free, DISK_GIB),
        f"{free:.1f} GiB free at {path}",
        "podman system prune, or make room" if free < DISK_GIB[1] else "",
    )


def memory(meminfo: str) -> Check:
    """Look at the memory that is left; `meminfo` is the text of /proc/meminfo."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    free = int(found[1]) * 1024 / GIB if found else 0.0
    return Check(
        "memory",
        _level(free, MEMORY_GIB),
        f"{free:.1f} GiB available",
        "stop other programs: a lab takes 0.6 GiB" if free < MEMORY_GIB[1] else "",
    )


def clock(root: Path) -> Check:
    """Look whether the clock runs behind the newest commit, or is not kept by the network."""
    git = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True, check=False
    )
    newest = int(git.stdout) if git.returncode == 0 and git.stdout.strip().isdigit() else 0
    mend = "timedatectl set-ntp true"
    if time.time() < newest - 60:
        return Check("clock", Level.BROKEN, "it is behind the newest commit of this checkout", mend)
    kept = _output(["timedatectl", "show", "-p", "NTPSynchronized", "--value"])
    if kept == "no":
        return Check("clock", Level.WARN, "it is not kept by the network", mend)
    return Check("clock", Level.OK, "plausible")


def ports(wanted: Mapping[str, int], ours: bool) -> list[Check]:  # noqa: FBT001 -- one fact
    """Look whether the stack's ports are free, and who holds them.

    Args:
        wanted: ports on 127.0.0.1 by what they are for.
        ours: this stack is up, so that a port in use is its own.
    """
    if not wanted:
        return []
    taken = {name: port for name, port in wanted.items() if not _is_free(port)}
    if ours or not taken:
        word = "held by this stack" if ours else "free"
        return [Check("ports", Level.OK, f"{', '.join(map(str, wanted.values()))} {word}")]
    return [
        Check(
            "ports",
            Level.BROKEN,
            f"{port} ({name}) is held by {holder(port)}",
            "stop it, or DASH_LAB=<name> ./dash up, which takes other ports",
        )
        for name, port in taken.items()
    ]


def holder(port: int) -> str:
    """Return the program that listens on a port of this machine, as `name (pid 12)`."""
    seen = _output(["ss", "-Hltnp", f"sport = :{port}"])
    found = re.search(r'\("([^"]+)",pid=(\d+)', seen)
    if not found:
        return "another program"
    name = container(int(found[2])) if found[1] == "conmon" else ""
    return f"container {name}" if name else f"{found[1]} (pid {found[2]})"


def container(pid: int) -> str:
    """Return the name of the container that a conmon process keeps, "" when it does not say."""
    try:
        words = (PROCESSES / str(pid) / "cmdline").read_text("utf-8").split("\0")
    except OSError:
        return ""
    return dict(pairwise(words)).get("-n", "")


def hosts(facts: Facts) -> list[Check]:
    """Look at what every host said of itself."""
    return [check for name, fact in sorted(facts.items()) for check in _host(name, fact)]


def _host(name: str, fact: dict[str, Any]) -> list[Check]:
    if fact.get("unreachable"):
        seen, mend = fact.get("why") or "does not answer over ssh", fact.get("cure") or "./dash up"
        return [Check(name, Level.BROKEN, seen, mend)]
    found = []
    role = fact.get("role")
    if role == "edge":
        if not fact.get("haproxy_active"):
            found.append(Check(name, Level.BROKEN, "haproxy does not run", "./dash configure"))
        days = fact.get("certificate_days")
        if days is not None and days < CERTIFICATE_DAYS[1]:
            level = _level(days, CERTIFICATE_DAYS)
            found.append(
                Check(name, level, f"the certificate ends in {days} days", "./dash configure")
            )
    elif role == "db" and not fact.get("reachable"):
        why = fact.get("why") or "no reason given"
        found.append(
            Check(name, Level.BROKEN, f"database and ledger do not answer: {why}", "./dash up")
        )
    elif role == "app" and fact.get("current") and not fact.get("ready"):
        level = Level.WARN if fact.get("unit") in ("inactive", None) else Level.BROKEN
        found.append(
            Check(name, level, f"dash-app is {fact.get('unit')}, not ready", f"./dash logs {name}")
        )
    free = fact.get("disk_free_mib")
    if free is not None and free < HOST_DISK_MIB[1]:
        found.append(
            Check(
                name,
                _level(free, HOST_DISK_MIB),
                f"{free} MiB of disk left",
                f"./dash shell {name}",
            )
        )
    seen = "answers, and does its work"
    if role == "app" and not fact.get("current"):
        seen = "answers, has no release"
    return found or [Check(name, Level.OK, seen)]


def _level(value: float, limits: tuple[float, float]) -> Level:
    """Return broken below the first limit, warn below the second."""
    broken, warn = limits
    return Level.BROKEN if value < broken else Level.WARN if value < warn else Level.OK


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _run(argv: list[str]) -> subprocess.CompletedProcess[str] | None:
    """Run a program that only looks; None when it cannot be run or gives no answer."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None


def _output(argv: list[str]) -> str:
    """Return what a program prints, or nothing when it cannot be run."""
    done = _run(argv)
    return done.stdout.strip() if done else ""


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "syslog" not in line]
    return lines[-1].removeprefix("Error: ") if lines else "it gave no reason"


def table(checks: list[Check]) -> Table:
    """Return the checks for people."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "what", "seen", "mend it with"):
        rows.add_column(column, overflow="fold")
    for check in checks:
        rows.add_row(
            Text(check.level.value, STYLES[check.level]), check.name, check.seen, check.mend
        )
    return rows


def document(stack: str, checks: list[Check]) -> dict[str, Any]:
    """Return the checks for programs."""
    broken = any(check.level is Level.BROKEN for check in checks)
    return {"stack": stack, "broken": broken, "checks": [asdict(check) for check in checks]}
