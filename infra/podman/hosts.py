"""What the lab's resources do to podman: networks and hosts, made, seen, mended and removed.

Plain functions over plain dictionaries; `provider.py` hands them to Pulumi.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.podman.runtime import CAPABILITIES, PodmanError, podman

BOOT_TIMEOUT = 60.0  # seconds until systemd runs and sshd answers; 3 s is usual


def _inspect(kind: str, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(podman(kind, "inspect", name))
    except PodmanError as error:
        if "no such" in str(error).lower() or "not found" in str(error).lower():
            return None
        raise
    return dict(found[0]) if found else None


def _own(labels: dict[str, str] | None, checkout: str, what: str) -> None:
    """Refuse to touch what another checkout made."""
    owner = (labels or {}).get("dash.checkout", "nobody known")
    if owner != checkout:
        msg = (f"{what} exists and belongs to another checkout ({owner}): it is left alone. "
               "Next: choose another name with DASH_LAB=NAME")
        raise PodmanError(msg)


def create_network(props: dict[str, Any]) -> str:
    """Make the stack's isolated network and return its name."""
    name = props["name"]
    found = _inspect("network", name)
    if found is not None:
        _own(found.get("labels"), props["checkout"], f"network {name}")
        return str(name)
    podman("network", "create", "--opt", "isolate=true", "--subnet", props["subnet"],
           "--label", f"dash.checkout={props['checkout']}", name)
    return str(name)


def read_network(name: str, props: dict[str, Any]) -> dict[str, Any] | None:
    """Return the network's properties as they are, or None when it is gone."""
    found = _inspect("network", name)
    if found is None:
        return None
    return {**props, "subnet": found["subnets"][0]["subnet"]}


def delete_network(name: str) -> None:
    """Remove a network; fine when it is gone."""
    podman("network", "rm", "--force", name, check=False)


def port_holder(port: int) -> str:
    """Return who listens on a port of 127.0.0.1, "" when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            pass
        else:
            return ""
    done = subprocess.run(["ss", "-ltnpH", f"sport = :{port}"], capture_output=True, text=True,
                          check=False, timeout=10)
    _, _, users = done.stdout.partition("users:((")
    return users.split(")")[0].replace('"', "") or "a process that ss does not name"


def create_host(props: dict[str, Any]) -> str:
    """Make a host, give it the stack's keys, boot it; return its container's name."""
    name = props["container"]
    found = _inspect("container", name)
    if found is not None:
        _own(found["Config"].get("Labels"), props["checkout"], f"container {name}")
        delete_host(name)
    for published in props["ports"]:
        holder = port_holder(int(published.split(":")[1]))
        if holder:
            port = published.split(":")[1]
            msg = (f"port {port} on 127.0.0.1 is taken by {holder}. Next: end it, or choose "
                   "another place with DASH_LAB=NAME")
            raise PodmanError(msg)
    words = ["create", "--name", name, "--hostname", props["name"], "--systemd", "always",
             "--network",
             f"{props['network']}:ip={props['address']},mac={props['mac']},alias={props['name']}",
             "--label", f"dash.checkout={props['checkout']}", "--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        words += ["--cap-add", capability]
    for published in props["ports"]:
        words += ["--publish", published]
    podman(*words, props["image"])
    try:
        _install_keys(name, props)
        start_host(name)
    except PodmanError:
        delete_host(name)
        raise
    return str(name)


def _install_keys(name: str, props: dict[str, Any]) -> None:
    """Copy in who may log in, and the key by which the host is known."""
    with tempfile.TemporaryDirectory(prefix="dash-keys-") as directory:
        for target, text, mode in (
            ("/etc/ssh/authorized_keys.d/ansible", props["public_key"] + "\n", 0o644),
            ("/etc/ssh/ssh_host_ed25519_key", Path(props["host_key_file"]).read_text("ascii"),
             0o600),
        ):
            file = Path(directory) / Path(target).name
            file.touch(mode=mode)
            file.write_text(text, encoding="ascii")
            podman("cp", str(file), f"{name}:{target}")


def start_host(name: str) -> None:
    """Start a host's container and wait until systemd has booted and sshd listens."""
    podman("start", name)
    end = time.monotonic() + BOOT_TIMEOUT
    state = ""
    while time.monotonic() < end:
        state = podman("exec", name, "systemctl", "is-system-running", check=False).strip()
        if state in ("running", "degraded") and "LISTEN" in podman(
            "exec", name, "ss", "-ltnH", "sport = :22", check=False
        ):
            return
        time.sleep(0.2)
    msg = f"host {name} did not boot within {BOOT_TIMEOUT:.0f} s (systemd says {state or 'nothing'})"
    raise PodmanError(msg)


def read_host(name: str, props: dict[str, Any]) -> dict[str, Any] | None:
    """Return the host's properties with its state as it is, or None when it is gone."""
    found = _inspect("container", name)
    if found is None or found["Config"].get("Labels", {}).get("dash.checkout") != props["checkout"]:
        return None
    return {**props, "state": found["State"]["Status"]}


def delete_host(name: str) -> None:
    """Remove a host with everything in it; fine when it is gone."""
    podman("rm", "--force", "--time", "0", "--volumes", name, check=False)
