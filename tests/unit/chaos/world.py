"""A stack that is not there: what is done to it is kept, what it answers is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaos import running
from chaos.client import Alert, Client, Stack, WorldError, as_stack
from chaos.faults import Fault, Holder, Journal
from chaos.running import Running

HOSTS = {
    "edge-1": ("edge", ""), "app-blue-1": ("app", "blue"), "app-green-1": ("app", "green"),
    "db-1": ("db", ""), "monitor-1": ("monitor", ""), "simulator-1": ("simulator", ""),
}  # fmt: skip


def stack(directory: Path, **common: Any) -> Stack:
    known = {
        "dash_stack": "lab", "dash_provider": "podman", "dash_chaos": True,
        "dash_state_dir": str(directory), "dash_public_url": "https://127.0.0.1:1",
        "dash_preview_url": "https://127.0.0.1:2",
        "dash_monitor_urls": {"prometheus": "https://p", "alertmanager": "https://a"},
        "ansible_user": "ansible", "ansible_ssh_private_key_file": "/key",
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=yes", **common,
    }  # fmt: skip
    hosts = {
        name: {
            **known, "dash_role": role, "dash_color": color, "dash_address": "10.0.0.1",
            "ansible_host": "10.0.0.1", "dash_container": f"dash-lab-{name}",
        }
        for name, (role, color) in HOSTS.items()
    }  # fmt: skip
    return as_stack(str(known["dash_stack"]), hosts)


class World(Client):
    """A client whose hosts take every script; `broken` are those that fail."""

    def __init__(self, known: Stack) -> None:
        super().__init__(known)
        self.scripts: list[tuple[str, str]] = []
        self.commands: list[tuple[str, ...]] = []
        self.broken: set[str] = set()
        self.told: list[Alert] = []
        self.samples: list[tuple[dict[str, str], float]] = []
        self.says = ""

    def sh(self, host: str, script: str, *, timeout: float = 60) -> str:  # noqa: ARG002 -- as there
        if host in self.broken:
            raise WorldError(f"{host}: no answer")
        self.scripts.append((host, script))
        return self.says

    def podman(self, *words: str, timeout: float = 60) -> str:  # noqa: ARG002 -- as there
        self.commands.append(words)
        return self.says

    def dash(self, *words: str) -> str:
        self.commands.append(("dash", *words))
        return ""

    def key(self) -> str:
        return "key"

    def alerts(self) -> list[Alert]:
        return self.told

    def query(self, expr: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:  # noqa: ARG002 -- as there
        return self.samples


def gone(journal: Journal, fault: Fault) -> None:
    """Have a fault's holder be gone."""
    journal.write(
        Fault(**{**fault.__dict__, "holder": Holder(**{**fault.holder.__dict__, "started": 1})})
    )


@contextmanager
def opened(directory: Path, **known: Any) -> Iterator[tuple[Running, World]]:
    """Have a run open while the block runs; blue serves."""
    world = World(stack(directory, **known))
    run = Running(client=world, journal=Journal(directory / "chaos" / "faults"), color="blue")
    running.begin(run)
    try:
        yield run, world
    finally:
        running.end()
