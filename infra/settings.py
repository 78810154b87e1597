"""What a stack is to be: its Pulumi configuration, overridden by `.dash/<stack>/overrides.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pulumi

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack, StackError

PROVIDERS = ("podman", "aws")
MOST_HOSTS = 9  # of one kind: the addresses of a kind are ten apart


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One stack's settings; numbers are hosts (app_hosts: of each colour)."""

    stack: Stack
    provider: str
    edge_hosts: int
    app_hosts: int
    db_hosts: int


def load(root: Path) -> Settings:
    """Read the settings of the stack that Pulumi runs. Raises StackError with one line."""
    environment = Stack.from_environment(root)
    stack = Stack(root, pulumi.get_stack(), environment.lab)
    config = pulumi.Config("dash")
    file = stack.directory / "overrides.json"
    overrides = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    unknown = set(overrides) - {"provider", "edge_hosts", "app_hosts", "db_hosts"}
    if unknown:
        msg = f"{file.name} has unknown settings: {', '.join(sorted(unknown))}"
        raise StackError(msg)
    provider = overrides.get("provider") or config.require("provider")
    if provider not in PROVIDERS:
        msg = f"stack {stack.name} names provider {provider!r}: choose {' or '.join(PROVIDERS)}"
        raise StackError(msg)

    def number(key: str) -> int:
        value = int(overrides.get(key) or config.require_int(key))
        if not 1 <= value <= MOST_HOSTS:
            msg = f"dash:{key} is {value}: 1 to {MOST_HOSTS} hosts of a kind"
            raise StackError(msg)
        return value

    return Settings(stack=stack, provider=provider, edge_hosts=number("edge_hosts"),
                    app_hosts=number("app_hosts"), db_hosts=number("db_hosts"))
