"""Instances of a stack on AWS, found by their tags through the plugin amazon.aws.aws_ec2.

That plugin asks EC2; what it found is turned into hosts as a stack's outputs list them on podman,
so that both providers give the same groups and the same variables.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.plugins.loader import inventory_loader

from ansible_collections.dash.platform.plugins.module_utils import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack

PLUGIN = "amazon.aws.aws_ec2"
FILE = "aws_ec2.yml"  # the ending by which the plugin knows its files
WHO = "whoever may provision types"  # an operator may not
ALIVE = ["pending", "running", "stopping", "stopped"]  # what is terminated has no address to keep


class NoHosts(AnsibleParserError):
    """The stack has no hosts, or cannot be asked; the message says what to type."""


def configuration(stack: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the plugin is told.

    Hosts are told apart by instance, not by name: two of one name are seen, not merged.
    """
    return {
        "plugin": PLUGIN,
        "regions": [outputs["region"]],
        "filters": {
            "tag:dash:stack": stack,
            "tag-key": "dash:name",
            "instance-state-name": ALIVE,
        },
        "hostnames": ["instance-id"],
    }


def find(stack: Stack, outputs: Mapping[str, Any], loader: Any) -> tuple[list[Any], list[str]]:
    """Return the stack's hosts in the order of its outputs, and a line for each that is not right.

    Raises:
        NoHosts: EC2 cannot be asked, or has none of them.
    """
    file = stack.directory / FILE  # kept: `ansible-inventory -i` on it shows what EC2 says
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # a colleague's first look
    file.write_text(json.dumps(configuration(stack.name, outputs), indent=1) + "\n", "utf-8")
    try:
        found = _ask(str(file), loader)
    except AnsibleError as error:
        known = refusals.explain(error.message, stack.name)
        raise NoHosts(known or f"EC2 cannot be asked: {_first(error.message)}") from None
    return choose(stack.name, outputs, found)


def choose(
    stack: str, outputs: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Hold what EC2 has against what the stack's outputs name.

    A host that does not run stays: a release elsewhere must not wait for it, and a play on it says
    that it cannot be reached. One that is gone has no address, so it is left out.

    Args:
        stack: its name.
        outputs: of its program.
        found: instances by their id, as the plugin tells them.

    Returns:
        Hosts as on podman, and a line for each that is not right.

    Raises:
        NoHosts: none of those that the outputs name is there.
    """
    wanted = {host["instance_id"]: host for host in outputs["hosts"]}
    if not wanted.keys() & found.keys():
        raise NoHosts(
            f"{stack} has {len(wanted)} hosts by its state, and EC2 in {outputs['region']} shows "
            f"none of them: type aws sts get-caller-identity to see whose credentials these are, "
            f"or ./dash --stack {stack} provision to make them anew"
        )
    hosts = [
        _host(found[i], outputs["region"]) | {"volumes": wanted[i].get("volumes", {})}
        for i in wanted
        if i in found
    ]
    return hosts, list(_troubles(stack, outputs["region"], wanted, found))


def _troubles(
    stack: str, region: str, wanted: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    for instance, host in wanted.items():
        if instance not in found:
            yield (
                f"{host['name']}: {instance} is gone. Next: ./dash --stack {stack} provision, "
                "which makes it anew"
            )
        elif line := _trouble(found[instance], region):
            yield f"{host['name']}: {line}"
    for instance, values in found.items():
        if instance not in wanted:
            name = values["ec2_tags"]["dash:name"]
            yield (
                f"{instance} calls itself {name} of {stack} and is not in its state. Next: {WHO} "
                f"aws ec2 terminate-instances --region {region} --instance-ids {instance}, "
                "if nobody needs it"
            )


def _trouble(values: Mapping[str, Any], region: str) -> str:
    """Return the line about an instance that does not run, "" where it does."""
    instance, state = values["instance_id"], values["state"]["name"]
    if state == "running":
        return ""
    wait = "once it has stopped, " if state == "stopping" else ""
    start = f"aws ec2 start-instances --region {region} --instance-ids {instance}"
    hint = "wait a minute" if state == "pending" else f"{wait}{WHO} {start}"
    return f"{instance} is {state}. Next: {hint}"


def _host(values: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return a host as the outputs of a stack on podman have it, from its instance's tags."""
    tags = values["ec2_tags"]
    return {
        "name": tags["dash:name"],
        "role": tags["dash:role"],
        "color": tags.get("dash:color", ""),
        "zone": tags["dash:zone"],
        "address": values["private_ip_address"],
        "instance_id": values["instance_id"],
        "trouble": "" if values["state"]["name"] == "pending" else _trouble(values, region),
    }


def _ask(file: str, loader: Any) -> dict[str, dict[str, Any]]:
    """Have the plugin fill an inventory of its own; return its hosts' variables."""
    plugin = inventory_loader.get(PLUGIN)
    if plugin is None:
        raise AnsibleError(f"the collection of {PLUGIN} is not installed: type ./dash doctor")
    plugin.display = _Quiet()
    scratch = InventoryData()
    plugin.parse(scratch, loader, file, cache=False)
    return {name: host.vars for name, host in scratch.hosts.items()}


class _Quiet:
    """Takes what the plugin says of variables that nobody here reads, on every run."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: None


def _first(message: str) -> str:
    return message.strip().splitlines()[0] if message.strip() else "no reason given"
