"""Who holds a port of this machine, before podman is asked to take it."""

from __future__ import annotations

import re
import socket
import subprocess

from infra.podman.runtime import PodmanError, podman


def free(port: int) -> bool:
    """Tell whether a port of 127.0.0.1 can be taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return who listens on a port, as a person knows it."""
    try:
        done = subprocess.run(
            ["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, check=False,
            timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "another program"
    found = re.search(r'\("([^"]+)",pid=(\d+)', done.stdout)
    if found is None:
        return "another program"
    if found[1] in ("conmon", "rootlessport") and (name := _container(port)):
        return f"container {name}"
    return f"{found[1]} (pid {found[2]})"


def _container(port: int) -> str:
    """Return the container that publishes a port; podman's own helper holds it for it."""
    listed = podman("ps", "--format", "{{.Names}} {{.Ports}}", check=False)
    for line in listed.splitlines():
        name, _, ports = line.partition(" ")
        if re.search(rf":{port}->", ports):
            return name
    return ""


def refuse_taken(published: list[str]) -> None:
    """Check every `127.0.0.1:PORT:TARGET`. Raises PodmanError: one is taken, says by whom."""
    for words in published:
        port = int(words.split(":")[1])
        if not free(port):
            raise PodmanError(
                f"port {port} on 127.0.0.1 is taken by {holder(port)}. Next: stop that, or "
                "DASH_LAB=<name> ./dash up, which takes other ports"
            )
