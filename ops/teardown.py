"""Remove a stack: ssh connections, hosts, network, state. Fine when nothing is up."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from ops import holders, preflight, pulumi, tools
from ops.console import seconds

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
    from ops.session import Session

# What the next `up` or a reader may want.
KEPT = ("artifacts", "chaos", "logs", "reports", "timings.json")
IMAGES = "localhost/dash-host"


def down(session: Session, *, purge: bool = False) -> str:
    """Remove the stack and return the last line for the terminal.

    Args:
        session: names the stack.
        purge: remove the kept files, the host image and this user's tool cache too.

    Raises:
        UserError: the hosts could not be removed; the state is kept then. Or somebody has the
            policy of the operators: nothing is removed.
    """
    steps, names = session.steps("down"), session.names
    holders.refuse(names)
    with steps.running("all", "remove the stack", shown=False) as whole:
        with steps.step("hosts", "pulumi destroy") as step:
            closed = close_connections(names.subnet)
            pulumi.destroy(names)
            swept = sweep(names)
            step.note = f"gone, with {closed} ssh connections" if closed else "gone"
            if swept:
                step.note += f"; {', '.join(swept)} were left over"
        with steps.step("state", "remove passwords, keys and Pulumi's state"):
            remove_state(names.directory, () if purge else KEPT)
            # What was broken is gone with its hosts; the records of what it did stay.
            shutil.rmtree(names.directory / "chaos" / "faults", ignore_errors=True)
        if purge:
            with steps.step("caches", "remove the host image and the tools"):
                purge_caches()
    line = f"{session.stack} is down after {seconds(whole.took)}{whole.before}"
    if purge:
        shutil.rmtree(names.directory, ignore_errors=True)  # the times just written
    return line


def close_connections(subnet: str) -> int:
    """End this machine's ssh connections into a subnet; return how many there were.

    Ansible's connections outlive it by a minute; without hosts they would only wait in vain.
    """
    seen = _run("ss", "-Htnp", "state", "established", "dst", subnet)
    pids = {int(pid) for pid in re.findall(r'\("ssh",pid=(\d+)', seen)}
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    return len(pids)


def sweep(names: Stack) -> list[str]:
    """Remove containers and the network that Pulumi's state no longer knows; return their names.

    Only what carries this checkout's label and the name of a host of this stack.
    """
    if not shutil.which("podman"):
        return []
    label = f"label=dash.checkout={names.checkout}"
    host = re.compile(re.escape(names.prefix) + r"-(edge|app-blue|app-green|db|monitor)-\d+")
    found = _run("podman", "ps", "--all", "--filter", label, "--format", "{{.Names}}").split()
    left = [name for name in found if host.fullmatch(name)]
    if left:
        _run("podman", "rm", "--force", "--time", "0", *left)
    networks = _run("podman", "network", "ls", "--filter", label, "--format", "{{.Name}}").split()
    if names.prefix in networks:
        _run("podman", "network", "rm", "--force", names.prefix)
        left.append(f"network {names.prefix}")
    return left


def remove_state(directory: Path, kept: tuple[str, ...]) -> None:
    """Empty a state directory except for what is kept."""
    if not directory.is_dir():
        return
    for entry in directory.iterdir():
        if entry.name in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def purge_caches() -> None:
    """Remove the host images (one in use by another lab stays) and the tool cache."""
    if shutil.which("podman"):
        for image in _run("podman", "images", "--quiet", IMAGES).split():
            _run("podman", "rmi", image)
    shutil.rmtree(tools.cache().parent, ignore_errors=True)


def _run(*argv: str) -> str:
    """Return what a program prints; a failure counts as nothing to report."""
    words = preflight.as_root(*argv) if argv[0] == "podman" else list(argv)
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout
