"""The way in of a stack on AWS: a network load balancer that hands TCP on to the edges.

TLS ends at the edges, which learn a client's address by the PROXY protocol. Whether an edge is
well is asked by a TCP connection: what lies behind it is HAProxy's to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from infra.aws.traffic import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.aws.network import Network
    from infra.aws.place import Place

SCHEMES = dict(zip(OUTSIDE, ("http", "https"), strict=True))
DRAIN = 300  # seconds that an edge which is taken out may finish its connections


class Edge(ComponentResource):
    """Load balancer, one target group and one listener a port, the edges as targets.

    Attributes:
        dns_name: AWS's name of the load balancer.
        zone_id: of the zone in which that name lies.
    """

    def __init__(
        self,
        place: Place,
        network: Network,
        group: Output[str],
        edges: Mapping[str, Output[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("dash:aws:Edge", "edge", {}, opts)
        self._place, self._child = place, ResourceOptions(parent=self)
        balancer = self._balancer(network, group)
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
        for port, scheme in SCHEMES.items():
            target = self._targets(scheme, port, network.vpc_id)
            aws.lb.Listener(
                scheme,
                load_balancer_arn=balancer.arn,
                port=port,
                protocol="TCP",
                default_actions=[{"type": "forward", "target_group_arn": target.arn}],
                tags=place.tags(scheme, "edge"),
                opts=self._child,
            )
            for name, instance in edges.items():
                aws.lb.TargetGroupAttachment(
                    f"{name}-{scheme}",
                    target_group_arn=target.arn,
                    target_id=instance,
                    port=port,
                    opts=self._child,
                )
        self.register_outputs({"dns_name": self.dns_name})

    def _balancer(self, network: Network, group: Output[str]) -> aws.lb.LoadBalancer:
        return aws.lb.LoadBalancer(
            "balancer",
            load_balancer_type="network",
            internal=False,
            ip_address_type="ipv4",
            subnets=list(network.public.values()),
            security_groups=[group],
            enable_cross_zone_load_balancing=True,  # edges are fewer than zones
            enable_deletion_protection=self._place.cloud.protect,
            tags=self._place.tags("balancer", "edge"),
            opts=ResourceOptions(parent=self, depends_on=network.way_in),
        )

    def _targets(self, scheme: str, port: int, vpc_id: Output[str]) -> aws.lb.TargetGroup:
        return aws.lb.TargetGroup(
            scheme,
            vpc_id=vpc_id,
            port=port,
            protocol="TCP",
            target_type="instance",
            proxy_protocol_v2=True,
            # Otherwise an edge that is a client too would meet its own address
            preserve_client_ip="false",
            deregistration_delay=DRAIN,
            health_check={
                "protocol": "TCP",
                "port": "traffic-port",
                "interval": 10,
                "healthy_threshold": 2,
                "unhealthy_threshold": 2,
            },
            tags=self._place.tags(scheme, "edge"),
            opts=self._child,
        )
