"""What a stack is to be: its Pulumi configuration, overridden by `.dash/<stack>/overrides.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack, StackError
from infra.aws import settings as aws_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PROVIDERS = ("podman", "aws")
# Of hosts of a kind, with the least of each.
NUMBERS = {
    "edge_hosts": 1,
    "app_hosts": 1,
    "db_hosts": 1,
    "monitor_hosts": 0,
    "simulator_hosts": 0,
}
# What the command line may say too. Where `state` lies is for `./dash` to know: ops/state.py
KNOWN = ("provider", *NUMBERS, *aws_settings.KEYS, "state")
MOST_HOSTS = 9  # of one kind: the addresses of a kind are ten apart


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One stack's settings; numbers are hosts (app_hosts: of each colour)."""

    stack: Stack
    provider: str
    chaos: bool  # whether somebody may break it on purpose
    edge_hosts: int
    app_hosts: int
    db_hosts: int
    monitor_hosts: int
    simulator_hosts: int
    cloud: aws_settings.CloudSettings | None = None  # of a stack on AWS
    shared: bool = False  # its state lies in a bucket: several operators may work with it


def load(root: Path) -> Settings:
    """Read the settings of the stack that Pulumi runs. Raises StackError with one line."""
    environment = Stack.from_environment(root)
    stack = Stack(root, pulumi.get_stack(), environment.lab)
    overrides = read_overrides(stack.directory / "overrides.json")
    refuse_unknown(stack, {**CONFIG.get(), **get_config_env()})
    return choose(stack, pulumi.Config("dash").get, overrides)


def refuse_unknown(stack: Stack, keys: Iterable[str]) -> None:
    """Refuse settings that nobody reads: a misspelt one would be missed for long.

    Args:
        stack: the stack.
        keys: of its file, as Pulumi has them: `dash:provider`.

    Raises:
        StackError: names the first such.
    """
    for key in keys:
        namespace, _, name = key.partition(":")
        if namespace == "aws":
            raise StackError(
                f"infra/stacks/Pulumi.{stack.name}.yaml has {key}: the region is dash:region"
            )
        if namespace == "dash" and name not in (*KNOWN, "chaos"):
            raise StackError(
                f"infra/stacks/Pulumi.{stack.name}.yaml has the unknown setting {key}: "
                f"{_hint(name, (*KNOWN, 'chaos'))}"
            )


def _hint(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def read_overrides(file: Path) -> dict[str, Any]:
    """Return the settings given on the command line. Raises StackError: it holds none such."""
    try:
        overrides = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StackError(f"{file} cannot be read ({error}). Next: mend or remove it") from None
    if not isinstance(overrides, dict):
        raise StackError(f"{file} holds no JSON object. Next: mend or remove it")
    for name in overrides:
        if name not in KNOWN:
            raise StackError(f"{file} has the unknown setting {name}: {_hint(str(name), KNOWN)}")
    return overrides


def choose(stack: Stack, configured: Callable[[str], Any], overrides: dict[str, Any]) -> Settings:
    """Return the settings: what the command line said, else the stack's file.

    Raises:
        StackError: one is missing or cannot be; names it, its value and where it stands.
    """

    def value(name: str) -> Any:  # noqa: ANN401 -- as YAML or JSON had it
        found = overrides.get(name, configured(name))
        if found is None:
            raise StackError(f"infra/stacks/Pulumi.{stack.name}.yaml lacks dash:{name}")
        return found

    provider = value("provider")
    if provider not in PROVIDERS:
        raise StackError(
            f"stack {stack.name} names provider {provider!r}: choose {' or '.join(PROVIDERS)}"
        )
    chaos = str(value("chaos")).lower()
    if chaos not in ("true", "false"):
        raise StackError(f"dash:chaos of stack {stack.name} is {value('chaos')!r}: true or false")
    numbers = {name: _number(stack, name, value(name)) for name in NUMBERS}
    return Settings(
        stack=stack,
        provider=provider,
        chaos=chaos == "true",
        cloud=aws_settings.choose(stack.name, value) if provider == "aws" else None,
        shared=provider == "aws" and bool(overrides.get("state", configured("state"))),
        **numbers,
    )


def _number(stack: Stack, name: str, value: Any) -> int:  # noqa: ANN401 -- as YAML or JSON had it
    number = int(value) if str(value).isdecimal() else -1
    least = NUMBERS[name]
    if not least <= number <= MOST_HOSTS:
        raise StackError(
            f"dash:{name} of stack {stack.name} is {value!r}: {least} to {MOST_HOSTS} hosts of a "
            "kind"
        )
    return number
