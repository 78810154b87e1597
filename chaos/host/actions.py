"""Break whole hosts, and mend them. These need containers: nobody pulls plugs of a cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos import levers, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.client import Client

__all__ = ["kill", "pause", "reboot", "start", "unpause"]

BOOT = 60  # seconds; 3 are usual


def kill(host: str) -> None:
    """Take a host's power away."""
    _do(
        start, host, "without power", lambda client, name: client.podman("kill", "-s", "KILL", name)
    )


def reboot(host: str) -> None:
    """Reboot a host as its own systemd does it, after 10 s by force."""
    _do(start, host, "rebooted", lambda client, name: client.podman("restart", "-t", "10", name))


def start(host: str) -> None:
    """Give a host its power back, and wait until its systemd is up."""
    _undo(start, host, _started)


def pause(host: str) -> None:
    """Freeze every process of a host: its connections stay, and nothing answers."""
    _do(unpause, host, "frozen", lambda client, name: client.podman("pause", name))


def unpause(host: str) -> None:
    """Let a frozen host go on."""
    _undo(unpause, host, _unpaused)


def _started(client: Client, name: str) -> None:
    client.podman("start", name)  # of one that runs it is nothing
    up = "systemctl is-system-running --wait || true"  # with a failed unit it says degraded
    client.podman("exec", name, "sh", "-c", up, timeout=BOOT)


def _unpaused(client: Client, name: str) -> None:
    if client.podman("inspect", "--format", "{{.State.Status}}", name).strip() == "paused":
        client.podman("unpause", name)


def _do(
    undo: Callable[[str], None], host: str, how: str, act: Callable[[Client, str], object]
) -> None:
    run = running.current()
    host = run.host(host)
    container = run.client.stack.host(host).container
    levers.do(
        undo, {"host": host}, what=f"{host} {how}", host=host,
        act=lambda: act(run.client, container),
    )  # fmt: skip


def _undo(function: Callable[[str], None], host: str, act: Callable[[Client, str], object]) -> None:
    run = running.opened()
    if run is None:
        return
    host = run.host(host)
    container = run.client.stack.host(host).container
    levers.undo(function, {"host": host}, host=host, act=lambda: act(run.client, container))
