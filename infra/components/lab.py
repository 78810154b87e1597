"""A stack on one machine: a network and hosts as podman containers that boot systemd.

Makes one Network, and Hosts edge-N, app-blue-N, app-green-N and db-N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, ResourceOptions

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from infra.podman.provider import Host, Network

PUBLISHED = {"http": 80, "https": 443, "preview": 8444}


@dataclass(frozen=True, kw_only=True)
class LabArgs:
    """What a lab is made of; numbers are hosts."""

    stack: Stack
    image: str
    public_key: str
    host_key_file: str
    edge_hosts: int
    app_hosts: int
    db_hosts: int


class Lab(ComponentResource):
    """Network and hosts of one stack."""

    hosts: list[dict[str, Any]]

    def __init__(self, name: str, args: LabArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("dash:lab:Lab", name, {}, opts)
        stack = args.stack
        network = Network(
            "network",
            {"name": stack.prefix, "subnet": stack.subnet, "checkout": stack.checkout},
            ResourceOptions(parent=self),
        )
        counts = {"edge": args.edge_hosts, "app-blue": args.app_hosts,
                  "app-green": args.app_hosts, "db": args.db_hosts}
        self.hosts = []
        for kind, count in counts.items():
            role, _, color = kind.partition("-")
            for number in range(1, count + 1):
                host = f"{kind}-{number}"
                container = f"{stack.prefix}-{host}"
                Host(
                    host,
                    {
                        "name": host, "container": container, "image": args.image,
                        "network": network.id, "address": stack.address(kind, number),
                        "mac": stack.mac(kind, number), "checkout": stack.checkout,
                        "public_key": args.public_key, "host_key_file": args.host_key_file,
                        "ports": [f"127.0.0.1:{stack.port(s)}:{p}" for s, p in PUBLISHED.items()]
                        if host == "edge-1" else [],
                    },
                    ResourceOptions(parent=self),
                )
                self.hosts.append({"name": host, "role": role, "color": color,
                                   "address": stack.address(kind, number),
                                   "container": container})
        self.register_outputs({"hosts": self.hosts})
