"""Who may talk to whom: one table, and the security groups made of it.

The same doors stand in each host's nftables (`playbooks/group_vars/all/wiring.yml`); a test
compares ports and who may come. There is no door for ssh: it comes through Systems Manager, from
the host itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

if TYPE_CHECKING:
    from infra.aws.place import Place

KINDS = ("edge", "app", "db", "monitor", "simulator")
WORLD = "0.0.0.0/0"
OUTSIDE = (80, 443)  # of the load balancer alone


@dataclass(frozen=True)
class Door:
    """Ports of one kind that another kind may reach."""

    to: str
    by: tuple[str, ...]
    first: int
    last: int = 0  # the same as the first

    def ports(self) -> tuple[int, int]:
        """Return the first and the last port."""
        return self.first, self.last or self.first


DOORS = (
    Door("edge", ("balancer",), 80),
    Door("edge", ("balancer", "monitor"), 443),
    Door("edge", KINDS, 8444),  # the preview: for the network, not for the world
    Door("edge", ("monitor",), 8405),
    Door("edge", ("edge",), 8407),  # how each stands: they go back together
    Door("app", ("edge",), 8000),
    Door("app", ("monitor",), 8001),
    Door("db", ("app", "db"), 5432),  # databases: replication
    Door("db", ("monitor",), 9187),
    Door("monitor", ("monitor",), 3000),
    Door("monitor", ("monitor",), 9090),
    Door("monitor", ("monitor",), 9093),
    Door("monitor", ("monitor",), 9094),  # Alertmanagers: who has told whom
    Door("monitor", KINDS, 3101),  # log lines
    Door("simulator", ("app",), 9101, 9103),
    Door("endpoints", KINDS, 443),
    *(Door(kind, ("monitor",), port) for kind in KINDS for port in (8888, 9100)),
)
# What hosts reach outside the network, through NAT: HTTP and HTTPS for packages and providers.
OUT = dict.fromkeys(KINDS, (80, 443)) | {
    "app": (80, 443, 587, 636),  # mail, LDAP over TLS
    "monitor": (80, 443, 587),  # mail of the Alertmanager
}


class Traffic(ComponentResource):
    """A security group for each kind of host, the load balancer and the endpoints.

    Attributes:
        groups: their ids.
    """

    groups: dict[str, Output[str]]

    def __init__(
        self, place: Place, vpc_id: Output[str], kinds: tuple[str, ...], opts: ResourceOptions
    ) -> None:
        super().__init__("dash:aws:Traffic", "traffic", {}, opts)
        self._place, self._child = place, ResourceOptions(parent=self)
        self.groups = {
            kind: aws.ec2.SecurityGroup(
                kind,
                vpc_id=vpc_id,
                description=f"Dash {place.stack.name}: {kind}",
                tags=place.tags(kind, "network"),
                opts=self._child,
            ).id
            for kind in ("balancer", *kinds, "endpoints")
        }
        for port in OUTSIDE:
            self._let_in(f"balancer-{port}-from-world", "balancer", (port, port), cidr=WORLD)
        for door in DOORS:
            self._open(door)
        for kind in ("balancer", *kinds):
            self._let_out(kind)
        self.register_outputs({"groups": self.groups})

    def _open(self, door: Door) -> None:
        for source in door.by:
            if {door.to, source} <= set(self.groups):
                name = f"{door.to}-{door.first}-from-{source}"
                self._let_in(name, door.to, door.ports(), group=self.groups[source])

    def _let_in(
        self,
        name: str,
        to: str,
        ports: tuple[int, int],
        *,
        cidr: str | None = None,
        group: Output[str] | None = None,
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.groups[to],
            ip_protocol="tcp",
            from_port=ports[0],
            to_port=ports[1],
            cidr_ipv4=cidr,
            referenced_security_group_id=group,
            description=name,
            tags=self._place.tags(name, "network"),
            opts=self._child,
        )

    def _let_out(self, kind: str) -> None:
        """Let a kind begin: to the network, where the other side's doors decide, and out."""
        inside = [(f"{kind}-to-network", self._place.network, (0, 65535))]
        out = [(f"{kind}-out-{port}", WORLD, (port, port)) for port in OUT.get(kind, ())]
        for name, cidr, (first, last) in inside + out:
            aws.vpc.SecurityGroupEgressRule(
                name,
                security_group_id=self.groups[kind],
                ip_protocol="tcp",
                from_port=first,
                to_port=last,
                cidr_ipv4=cidr,
                description=name,
                tags=self._place.tags(name, "network"),
                opts=self._child,
            )
