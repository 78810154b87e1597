"""A stack on AWS: puts the modules of `infra/aws` together, and says what Ansible must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

from infra.aws.access import Access
from infra.aws.edge import Edge
from infra.aws.hosts import Hosts, HostsArgs
from infra.aws.keys import Keys
from infra.aws.network import Network
from infra.aws.place import BUCKETS, Place
from infra.aws.traffic import KINDS, Traffic
from infra.keys import login

if TYPE_CHECKING:
    from infra.settings import Settings


def counts(settings: Settings) -> dict[str, int]:
    """Return how many hosts of each kind there are to be."""
    return {
        "edge": settings.edge_hosts,
        "app-blue": settings.app_hosts,
        "app-green": settings.app_hosts,
        "db": settings.db_hosts,
        "monitor": settings.monitor_hosts,
        "simulator": settings.simulator_hosts,
    }


def stack_of(settings: Settings) -> dict[str, Any]:
    """Make a stack on AWS and return its outputs. Raises StackError: it has no ssh key."""
    return Cloud("cloud", settings, login(settings.stack)).seam


class Cloud(ComponentResource):
    """Everything of one stack on AWS.

    Attributes:
        seam: the outputs of the stack.
    """

    def __init__(self, name: str, settings: Settings, public_key: str) -> None:
        super().__init__("dash:aws:Cloud", name, {})
        if settings.cloud is None:
            raise ValueError("a stack on AWS has settings of AWS")
        place = Place(stack=settings.stack, cloud=settings.cloud)
        provider = aws.Provider(
            "aws",
            region=settings.cloud.region,
            allowed_account_ids=[settings.cloud.account],
            opts=ResourceOptions(parent=self),
        )
        child = ResourceOptions(parent=self, providers=[provider])
        wanted = counts(settings)
        kinds = tuple(k for k in KINDS if any(n for w, n in wanted.items() if w.startswith(k)))
        network = Network(place, child)
        traffic = Traffic(place, network.vpc_id, kinds, child)
        network.sessions(traffic.groups["endpoints"])
        access = Access(place, kinds, child)
        keys = Keys(place, access.roles, child)
        args = HostsArgs(
            counts=wanted,
            public_key=public_key,
            subnets=network.private,
            groups=traffic.groups,
            profiles=access.profiles,
            key=keys.arns["disks"],
            way_out=network.way_out,
        )
        hosts = Hosts(place, args, child)
        edges = {n: i for n, i in hosts.instances.items() if n.startswith("edge-")}
        Edge(place, network, traffic.groups["balancer"], edges, child)
        self.seam: dict[str, Any] = {
            "hosts": hosts.listed,
            "provider": settings.provider,
            "chaos": settings.chaos,
            "region": settings.cloud.region,
            "network": place.network,
            "urls": urls(place),
            "buckets": {use: place.bucket(use) for use in BUCKETS},
            "certificate_arn": "",
            "load_balancer_cidrs": network.public_cidrs,
            "secrets_path": place.secrets_path,
        }
        self.register_outputs(self.seam)


def urls(place: Place) -> dict[str, str]:
    """Return where people reach a stack. The preview is each edge's, inside the network only."""
    public = f"https://{place.cloud.domain}"
    return {"https": public, "preview": f"{public}:8444"}
