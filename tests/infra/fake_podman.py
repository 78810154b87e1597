"""A podman in memory: containers and networks that are made, seen, started and removed."""

from __future__ import annotations

import json
import os
from typing import Any

from infra.podman.runtime import PodmanError


class FakePodman:
    """Answers the commands that `hosts.py` gives, and keeps what they changed."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.files: dict[str, str] = {}
        self.said: list[str] = []
        self.fails: dict[str, str] = {}

    def __call__(self, *words: str, **_options: object) -> str:
        verb = " ".join(words[:2]) if words[0] in ("container", "network") else words[0]
        self.said.append(verb)
        if verb in self.fails:
            raise PodmanError(f"podman {verb}: {self.fails[verb]}")
        method = getattr(self, verb.replace(" ", "_"))
        answer = method(*words[len(verb.split()) :])
        return str(answer or "")

    def add_container(self, name: str, status: str = "running", **labels: str) -> None:
        dotted = {f"dash.{key}": value for key, value in labels.items()}
        self.containers[name] = {
            "Config": {"Labels": dotted},
            "State": {"Status": status, "Pid": os.getpid()},
            "NetworkSettings": {"Networks": {"dash-lab": {}}},
        }

    def add_network(self, name: str, subnet: str, **labels: str) -> None:
        dotted = {f"dash.{key}": value for key, value in labels.items()}
        self.networks[name] = {"subnets": [{"subnet": subnet}], "labels": dotted}

    def container_inspect(self, name: str) -> str:
        if name not in self.containers:
            raise PodmanError(f'podman container: no such container "{name}"')
        return json.dumps([self.containers[name]])

    def network_inspect(self, name: str) -> str:
        if name not in self.networks:
            raise PodmanError(f"podman network: {name}: network not found")
        return json.dumps([self.networks[name]])

    def network_create(self, *words: str) -> None:
        self.add_network(words[-1], words[words.index("--subnet") + 1], **_labels(words))

    def network_rm(self, name: str) -> None:
        del self.networks[name]

    def network_connect(self, *words: str) -> None:
        network, name = words[-2:]
        self.containers[name]["NetworkSettings"]["Networks"][network] = {}

    def create(self, *words: str) -> None:
        self.add_container(words[words.index("--name") + 1], "created", **_labels(words))

    def start(self, name: str) -> None:
        self.containers[name]["State"]["Status"] = "running"

    unpause = start

    def cp(self, source: str, target: str) -> None:
        with open(source, encoding="utf-8") as file:  # noqa: PTH123 -- as podman gets it
            self.files[target] = file.read()

    def exec(self, *words: str) -> str:
        return "running\n" if "is-system-running" in words else ""

    def rm(self, *words: str) -> None:
        del self.containers[words[-1]]


def _labels(words: tuple[str, ...]) -> dict[str, str]:
    pairs = [words[i + 1] for i, word in enumerate(words) if word == "--label"]
    return {key.removeprefix("dash."): value for key, value in (p.split("=", 1) for p in pairs)}
