"""A stack on one machine: a network and hosts as podman containers that boot systemd.

Makes one Image, one Network, and Hosts edge-N, app-blue-N, app-green-N, db-N, monitor-N and
simulator-N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi import ComponentResource, Input, ResourceOptions

from ansible_collections.dash.platform.plugins.module_utils.stack import MONITOR, PORTS, watching
from infra import keys
from infra.podman import image
from infra.podman.provider import Host, Image, Network

if TYPE_CHECKING:
    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
    from infra.settings import Settings

# On loopback: of the first edge, and of every monitor.
PUBLISHED = {
    "edge": {"http": 80, "https": 443, "preview": 8444},
    "monitor": {name: PORTS[name] for name in MONITOR},
}


@dataclass(frozen=True, kw_only=True)
class LabArgs:
    """What a lab is made of; numbers are hosts."""

    stack: Stack
    image: str
    keys: keys.Keys
    edge_hosts: int
    app_hosts: int
    db_hosts: int
    monitor_hosts: int
    simulator_hosts: int


def stack_of(settings: Settings) -> dict[str, Any]:
    """Make a stack on this machine and return its outputs. Raises StackError: it has no ssh key."""
    stack = settings.stack
    args = LabArgs(
        stack=stack,
        image=image.tag(),
        keys=keys.ensure(stack),
        edge_hosts=settings.edge_hosts,
        app_hosts=settings.app_hosts,
        db_hosts=settings.db_hosts,
        monitor_hosts=settings.monitor_hosts,
        simulator_hosts=settings.simulator_hosts,
    )
    return {
        "hosts": Lab("lab", args).hosts,
        "provider": settings.provider,
        "chaos": settings.chaos,
        "network": stack.subnet,
        "urls": urls(stack, settings.monitor_hosts),
    }


class Lab(ComponentResource):
    """Network and hosts of one stack."""

    hosts: list[dict[str, Any]]

    def __init__(self, name: str, args: LabArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("dash:lab:Lab", name, {}, opts)
        stack, child = args.stack, ResourceOptions(parent=self)
        owner = {"checkout": stack.checkout, "root": str(stack.root), "stack": stack.name}
        made = Image("image", {"name": args.image}, child)
        network = Network("network", {"name": stack.prefix, "subnet": stack.subnet, **owner}, child)
        shared: dict[str, Input[Any]] = {
            **owner,
            "image": made.id,
            "network": network.id,
            "public_key": args.keys.public,
            "host_key": args.keys.host,
            "host_key_file": str(args.keys.host_file),
        }
        self.hosts = describe(args)
        for host in self.hosts:
            Host(host["name"], {**shared, **placed(stack, host)}, child)
        self.register_outputs({"hosts": self.hosts})


def describe(args: LabArgs) -> list[dict[str, Any]]:
    """Return every host as the stack's output has it: the seam to the inventory."""
    counts = {
        "edge": args.edge_hosts,
        "app-blue": args.app_hosts,
        "app-green": args.app_hosts,
        "db": args.db_hosts,
        "monitor": args.monitor_hosts,
        "simulator": args.simulator_hosts,
    }
    found = []
    for kind, count in counts.items():
        role, _, color = kind.partition("-")
        for number in range(1, count + 1):
            name = f"{kind}-{number}"
            found.append({
                "name": name, "role": role, "color": color,
                "address": args.stack.address(kind, number),
                "container": f"{args.stack.prefix}-{name}",
            })  # fmt: skip
    return found


def urls(stack: Stack, monitors: int) -> dict[str, str]:
    """Return the addresses on this machine at which people reach a stack, by what is there."""
    plain = ("http",)
    wanted = {name: (name, 1) for name in PUBLISHED["edge"]} | watching(monitors)
    return {
        name: f"{'http' if name in plain else 'https'}://127.0.0.1:{stack.port(service, number)}"
        for name, (service, number) in wanted.items()
    }


def placed(stack: Stack, host: dict[str, Any]) -> dict[str, Any]:
    """Return what is a host's own: names, addresses and, of some, published ports."""
    kind, _, nth = host["name"].rpartition("-")
    number = int(nth)
    published = PUBLISHED.get(kind, {}) if kind == "monitor" or number == 1 else {}
    return {
        "name": host["name"],
        "container": host["container"],
        "address": host["address"],
        "mac": stack.mac(kind, number),
        "ports": [f"127.0.0.1:{stack.port(s, number)}:{target}" for s, target in published.items()],
    }
