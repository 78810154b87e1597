"""What the lab's resources do to podman: networks and hosts, made, seen, mended and removed.

Plain functions over plain dictionaries; `provider.py` hands them to Pulumi.
"""

from __future__ import annotations

import hashlib
import json
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.podman import ports, runtime
from infra.podman.runtime import CAPABILITIES, PodmanError, podman

BOOT_TIMEOUT = 60.0  # seconds until systemd runs and sshd answers; 3 s is usual
# What a host cannot change while it lives. Not the image: a newer recipe must not cost a database.
SPEC = ("container", "name", "network", "address", "mac", "ports", "checkout")
# Not to be changed by Pulumi's refresh: what the machine says of a host.
RUNNING = "running"
CUT_OFF = "off the network"
LOST = "lost by podman"  # its processes are gone and podman, killed with them, has not seen it


def spec(props: dict[str, Any]) -> str:
    """Return a digest of what a host cannot change while it lives."""
    text = json.dumps({key: props[key] for key in SPEC}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Return what podman knows of a container or network, None when there is none such."""
    try:
        found = json.loads(podman(kind, "inspect", name))
    except PodmanError as error:
        if "no such" in str(error).lower() or "not found" in str(error).lower():
            return None
        raise
    return dict(found[0]) if found else None


def labels(props: dict[str, Any]) -> list[str]:
    """Return the words that mark as ours what is made."""
    pairs = {
        "dash.checkout": props["checkout"],
        "dash.root": props.get("root", ""),
        "dash.stack": props.get("stack", ""),
    }
    return [word for key, value in pairs.items() for word in ("--label", f"{key}={value}")]


def own(found: dict[str, str] | None, checkout: str, what: str) -> None:
    """Refuse to touch what another checkout made. Raises PodmanError."""
    have = found or {}
    if have.get("dash.checkout") == checkout:
        return
    owner = have.get("dash.root") or have.get("dash.checkout")
    belongs = f"belongs to the checkout {owner}" if owner else "was not made by Dash"
    raise PodmanError(
        f"{what} exists and {belongs}: it is left alone. Next: remove it there, or "
        "DASH_LAB=<name> ./dash up, which takes other names"
    )


def create_network(props: dict[str, Any]) -> str:
    """Make the stack's isolated network and return its name."""
    name = str(props["name"])
    found = inspect("network", name)
    if found is not None:
        own(found.get("labels"), props["checkout"], f"network {name}")
        if found["subnets"][0]["subnet"] == props["subnet"]:
            return name
        podman("network", "rm", name)
    try:
        podman("network", "create", "--opt", "isolate=true", "--subnet", props["subnet"],
               *labels(props), name)  # fmt: skip
    except PodmanError as error:
        if "already used" not in str(error):
            raise
        raise PodmanError(
            f"subnet {props['subnet']} is in use by another network of this machine. Next: "
            "DASH_LAB=<name> ./dash up, which takes another subnet"
        ) from None
    return name


def read_network(name: str, props: dict[str, Any]) -> dict[str, Any] | None:
    """Return the network's properties as they are, or None when it is gone or another's."""
    found = inspect("network", name)
    if found is None or (found.get("labels") or {}).get("dash.checkout") != props["checkout"]:
        return None
    return {**props, "subnet": found["subnets"][0]["subnet"]}


def delete_network(name: str, props: dict[str, Any]) -> None:
    """Remove a network; fine when it is gone, and another checkout's is left alone."""
    if read_network(name, props) is not None:
        podman("network", "rm", name)


def create_host(props: dict[str, Any]) -> str:
    """Make a host, give it the stack's keys, boot it; return its container's name.

    One of ours that is there already (the run that made it was cut short, or Pulumi's state was
    lost) is taken as it is, with its data.
    """
    name = str(props["container"])
    runtime.probe(props["image"])
    found = inspect("container", name)
    if found is not None:
        have = found["Config"].get("Labels") or {}
        own(have, props["checkout"], f"container {name}")
        if have.get("dash.spec") != spec(props):
            raise PodmanError(
                f"container {name} is ours but Pulumi does not know it, and it differs from what "
                "is wanted. Next: ./dash down, which removes it and its data, then ./dash up"
            )
        start_host(name, props)
        install_keys(name, props)
        return name
    ports.refuse_taken(props["ports"])
    podman(*_create_words(name, props))
    try:
        install_keys(name, props)
        start_host(name, props)
    except BaseException:
        _remove(name)
        raise
    return name


def _create_words(name: str, props: dict[str, Any]) -> list[str]:
    network = f"{props['network']}:ip={props['address']},mac={props['mac']},alias={props['name']}"
    words = ["create", "--name", name, "--hostname", props["name"], "--systemd", "always",
             "--network", network, *labels(props), "--label", f"dash.spec={spec(props)}",
             "--cap-drop", "ALL"]  # fmt: skip
    for capability in CAPABILITIES:
        words += ["--cap-add", capability]
    for published in props["ports"]:
        words += ["--publish", published]
    return [*words, props["image"]]


def install_keys(name: str, props: dict[str, Any]) -> None:
    """Copy in who may log in, and the key by which the host is known."""
    host_key = Path(props["host_key_file"]).read_text("ascii")
    with tempfile.TemporaryDirectory(prefix="dash-keys-") as directory:
        for target, text, mode in (
            ("/etc/ssh/authorized_keys.d/ansible", props["public_key"] + "\n", 0o644),
            ("/etc/ssh/ssh_host_ed25519_key", host_key, 0o600),
        ):
            file = Path(directory) / Path(target).name
            file.touch(mode=mode)
            file.write_text(text, encoding="ascii")
            podman("cp", str(file), f"{name}:{target}")


def start_host(name: str, props: dict[str, Any]) -> None:
    """Bring a host to life, whatever state it is in, and wait until sshd answers.

    Raises:
        PodmanError: it does not boot, or one of its ports is taken meanwhile.
    """
    state = _state(inspect("container", name) or {}, props["network"])
    if state == LOST:
        # podman 4 can neither start nor stop such a container, nor clean up behind it.
        raise PodmanError(
            f"the processes of {name} are gone, and podman takes it for running: its data can "
            "still be copied out (podman cp). Next: ./dash down, which removes it, then ./dash up"
        )
    if state == "paused":
        podman("unpause", name)
    elif state == CUT_OFF:
        podman("network", "connect", "--ip", props["address"], "--mac-address", props["mac"],
               "--alias", props["name"], props["network"], name)  # fmt: skip
    elif state != RUNNING:
        ports.refuse_taken(props["ports"])
        podman("start", name)
    _wait(name, props["address"])


def _wait(name: str, address: str) -> None:
    end = time.monotonic() + BOOT_TIMEOUT
    state = ""
    while time.monotonic() < end:
        state = podman("exec", name, "systemctl", "is-system-running", check=False).strip()
        if state in ("running", "degraded") and _sshd_answers(address):
            return
        time.sleep(0.3)
    raise PodmanError(
        f"host {name} did not boot within {BOOT_TIMEOUT:.0f} s (systemd says "
        f"{state or 'nothing'}). Next: podman logs {name}"
    )


def _sshd_answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _state(found: dict[str, Any], network: str) -> str:
    """Return how a host is: running, or what is wrong with it in a word or three."""
    said = found.get("State", {})
    state = str(said.get("Status", "gone"))
    if state == RUNNING and not Path(f"/proc/{said.get('Pid', 0)}").exists():
        return LOST
    attached = found.get("NetworkSettings", {}).get("Networks") or {}
    return CUT_OFF if state == RUNNING and network not in attached else state


def read_host(name: str, props: dict[str, Any]) -> dict[str, Any] | None:
    """Return the host's properties with its state as it is, or None when it is gone."""
    found = inspect("container", name)
    if found is None:
        return None
    if (found["Config"].get("Labels") or {}).get("dash.checkout") != props["checkout"]:
        return None
    return {**props, "state": _state(found, props["network"])}


def update_host(name: str, olds: dict[str, Any], news: dict[str, Any]) -> None:
    """Start a host again, or give it other keys; its data are kept."""
    start_host(name, news)
    if any(olds.get(key) != news.get(key) for key in ("public_key", "host_key")):
        install_keys(name, news)
        podman("exec", name, "systemctl", "restart", "ssh.service")


def delete_host(name: str, props: dict[str, Any]) -> None:
    """Remove a host with everything in it; fine when it is gone, another checkout's is left."""
    if read_host(name, props) is not None:
        _remove(name)


def _remove(name: str) -> None:
    podman("rm", "--force", "--time", "0", "--volumes", name)
