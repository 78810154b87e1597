"""A stack on AWS: puts the modules of `infra/aws` together, and says what Ansible must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

from infra.aws.access import Access
from infra.aws.dns import Dns
from infra.aws.edge import Edge
from infra.aws.hosts import Hosts, HostsArgs
from infra.aws.keys import Keys
from infra.aws.network import Network
from infra.aws.operators import Operators
from infra.aws.place import BUCKETS, Place
from infra.aws.snapshots import Snapshots
from infra.aws.storage import Storage
from infra.aws.traffic import KINDS, Traffic
from infra.aws.watch import Budget, FlowLogs
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
    return Cloud("cloud", settings, login(settings.stack, shared=settings.shared)).seam


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
        child = self._provided(place)
        wanted = counts(settings)
        kinds = tuple(k for k in KINDS if any(n for w, n in wanted.items() if w.startswith(k)))
        network = Network(place, child)
        traffic = Traffic(place, network.vpc_id, kinds, child)
        network.sessions(traffic.groups["endpoints"])
        access = Access(place, kinds, child)
        keys = Keys(place, access.roles, child)
        self._around(place, network, keys, child)
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
        edge = Edge(place, network, traffic.groups["balancer"], edges, child)
        certificate = Dns(place, edge, child).certificate_arn
        Operators(place, keys.arns["storage"], certificate, child)
        self.seam: dict[str, Any] = {
            "hosts": hosts.listed,
            "provider": settings.provider,
            "chaos": settings.chaos,
            **known(place, network),
            "certificate_arn": certificate,
        }
        self.register_outputs(self.seam)

    def _provided(self, place: Place) -> ResourceOptions:
        """Return the options of everything in the stack: its parent, and where AWS is asked."""
        provider = aws.Provider(
            "aws",
            region=place.cloud.region,
            allowed_account_ids=[place.cloud.account],
            opts=ResourceOptions(parent=self),
        )
        return ResourceOptions(parent=self, providers=[provider])

    def _around(self, place: Place, network: Network, keys: Keys, child: ResourceOptions) -> None:
        """Make what no host waits for."""
        Storage(place, keys.arns["storage"], child)
        FlowLogs(place, network.vpc_id, keys.arns["storage"], child)
        Snapshots(place, child)
        Budget(place, child)


def known(place: Place, network: Network) -> dict[str, Any]:
    """Return the outputs that follow from the settings alone."""
    return {
        "region": place.cloud.region,
        "network": place.network,
        "urls": urls(place),
        "buckets": {use: place.bucket(use) for use in BUCKETS},
        "load_balancer_cidrs": network.public_cidrs,
        "secrets_path": place.secrets_path,
        "secrets_key": place.alias("state"),
    }


def urls(place: Place) -> dict[str, str]:
    """Return where people reach a stack. The preview is each edge's, inside the network only."""
    public = f"https://{place.cloud.domain}"
    return {"https": public, "preview": f"{public}:8444"}
