"""What the controller's action plugins share: detached helpers, paths, the operator's identity."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


_STARTED: list[subprocess.Popen[bytes]] = []


def parse_time(text: str) -> float:
    """Return an RFC 3339 time as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def rfc3339(seconds: float) -> str:
    """Return seconds since the epoch as an RFC 3339 time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def boot_id() -> str:
    """Return what tells this boot of this machine from every other ("" where Linux hides it)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def process_start(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 when there is none such."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[19])


def playbook_pid() -> int:
    """Return the process id of ansible-playbook: the parent of the worker that runs this."""
    return os.getppid()


def holder() -> dict[str, Any]:
    """Return who runs this operation, in the form of the lease."""
    pid = playbook_pid()
    return {
        "user": os.environ.get("SUDO_USER") or getpass.getuser(),
        "host": socket.gethostname(),
        "pid": pid,
        "boot_id": boot_id(),
        "pid_start": process_start(pid),
    }


def is_dead(who: dict[str, Any]) -> bool:
    """Tell whether a lease's holder ran on this machine, in this boot, and is gone.

    Containers of one machine share its boot, not its processes: the host name tells them apart.
    """
    return (
        bool(who.get("boot_id"))
        and (who["boot_id"], who["host"]) == (boot_id(), socket.gethostname())
        and (not runs(int(who["pid"])) or process_start(int(who["pid"])) != who["pid_start"])
    )


def ssh_command(host: Mapping[str, Any]) -> list[str]:
    """Return the ssh command for a host, from its Ansible variables."""
    # A connection that hangs is given up soon enough for another before the lease runs out.
    # By Systems Manager it takes a call, a web socket and ssh inside that: still half of a lease.
    wait = 15 if host.get("dash_instance_id") else 5
    limits = (
        "BatchMode=yes", f"ConnectTimeout={wait}", "ServerAliveInterval=4", "ServerAliveCountMax=2",
    )  # fmt: skip
    command = ["ssh", *(word for limit in limits for word in ("-o", limit))]
    command += shlex.split(str(host.get("ansible_ssh_common_args", "")))
    if key := host.get("ansible_ssh_private_key_file"):
        command += ["-i", str(key)]
    if port := host.get("ansible_port"):
        command += ["-p", str(port)]
    return [*command, f"{host.get('ansible_user', 'ansible')}@{host['ansible_host']}"]


def spawn(argv: list[str], root: Path, log: Path) -> int:
    """Start a helper that outlives its worker and return its process id.

    The helper is told ansible-playbook's process id and ends with it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            argv,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    _STARTED.append(process)  # nobody waits for it here, and its object would complain of that
    return process.pid


def stop(pid: int, seconds: float = 10.0) -> None:
    """End a helper with SIGTERM and wait until it is gone; SIGKILL when it does not listen."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not runs(pid):
                return
            time.sleep(0.05)


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def run(
    argv: list[str], root: Path, timeout: float, name: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return how that was.

    Args:
        argv: the program and its arguments.
        root: working directory.
        timeout: seconds.
        name: by which an error calls it.
        variables: of its environment, beside ours.

    Raises:
        RuntimeError: it took too long, or cannot be run.
    """
    try:
        return subprocess.run(
            argv,
            cwd=root,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{name} took more than {timeout:.0f} s") from None
    except OSError as error:
        raise RuntimeError(f"{name} cannot be run: {error.strerror}") from None


def answered(done: subprocess.CompletedProcess[str], key: str) -> dict[str, Any]:
    """Return the document that a program printed, whatever its exit code says.

    Args:
        done: how the program ended.
        key: that its document has.

    Raises:
        RuntimeError: it printed none such; with its last error line.
    """
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = {}
    if key not in document:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise RuntimeError(lines[-1])
    return dict(document)


def run_json(argv: list[str], root: Path, timeout: float) -> dict[str, Any]:
    """Run a program whose last line is a JSON document and return that.

    Args:
        argv: the program and its arguments.
        root: working directory.
        timeout: seconds.

    Raises:
        RuntimeError: with the program's last error line, or that it took too long or said nothing.
    """
    name = argv[2] if argv[1:2] == ["-m"] else Path(argv[0]).name
    done = run(argv, root, timeout, name)
    if done.returncode:
        lines = [x for x in (done.stdout + "\n" + done.stderr).splitlines() if x.strip()]
        raise RuntimeError(lines[-1] if lines else f"{name} ended with {done.returncode}")
    try:
        return dict(json.loads(done.stdout.strip().splitlines()[-1]).items())
    except (ValueError, IndexError, AttributeError):  # nothing, no JSON, or no object
        raise RuntimeError(f"{name} printed no JSON document") from None


def read_report(path: Path) -> dict[str, Any]:
    """Return the prober's report, or {} while there is none."""
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report
