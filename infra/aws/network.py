"""The network of a stack on AWS.

A VPC over three zones. Public subnets hold the load balancer and the way out (NAT) only; hosts lie
in private ones and reach S3 and Systems Manager by endpoints, so that neither needs the way out.
"""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import ComponentResource, Output, Resource, ResourceOptions

from infra.aws.policies import document, statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.aws.place import Place

PUBLIC, PRIVATE = 24, 20  # bits of a subnet's prefix: few addresses for what is public
SESSIONS = ("ssm", "ssmmessages", "ec2messages")  # what ssh through Systems Manager takes


def subnets(network: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the public and the private subnets of a network in CIDR form, by zone."""
    whole = ip_network(network)
    public = list(whole.subnets(new_prefix=PUBLIC))
    private = list(whole.subnets(new_prefix=PRIVATE))[1:]  # the first holds the public ones
    return (
        {zone: str(cidr) for zone, cidr in zip("abc", public, strict=False)},
        {zone: str(cidr) for zone, cidr in zip("abc", private, strict=False)},
    )


class Network(ComponentResource):
    """VPC, subnets, ways out, endpoints.

    Attributes:
        vpc_id: the VPC.
        public: the public subnets' ids, by zone.
        private: the private subnets' ids, by zone.
        way_out: what must be there before a host can fetch anything.
        way_in: what must be there before AWS makes anything with a public address.
    """

    def __init__(self, place: Place, opts: ResourceOptions | None = None) -> None:
        super().__init__("dash:aws:Network", "network", {}, opts)
        self._place, self._child = place, ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            "vpc",
            cidr_block=place.network,
            enable_dns_support=True,
            enable_dns_hostnames=True,  # the endpoints' names lead to them only with these
            tags=place.tags("vpc", "network"),
            opts=self._child,
        )
        self.vpc_id = vpc.id
        public, private = subnets(place.network)
        self.public_cidrs = list(public.values())
        self.public = self._subnets("public", public)
        self.private = self._subnets("private", private)
        self.way_in: list[Resource] = [self._internet()]
        self.tables, self.way_out = self._ways_out()
        self._s3_endpoint()
        self.register_outputs({"vpc_id": self.vpc_id})

    def _subnets(self, kind: str, cidrs: Mapping[str, str]) -> dict[str, Output[str]]:
        found = {}
        for zone, cidr in cidrs.items():
            subnet = aws.ec2.Subnet(
                f"{kind}-{zone}",
                vpc_id=self.vpc_id,
                cidr_block=cidr,
                availability_zone=self._place.cloud.zones[zone],
                map_public_ip_on_launch=False,
                tags=self._place.tags(f"{kind}-{zone}", "network", zone=zone),
                opts=self._child,
            )
            found[zone] = subnet.id
        return found

    def _table(self, name: str, zone: str = "") -> aws.ec2.RouteTable:
        tags = self._place.tags(name, "network", zone=zone)
        return aws.ec2.RouteTable(name, vpc_id=self.vpc_id, tags=tags, opts=self._child)

    def _internet(self) -> aws.ec2.Route:
        """Lead the public subnets to the internet; return the route that does."""
        tags = self._place.tags("internet", "network")
        gateway = aws.ec2.InternetGateway(
            "internet", vpc_id=self.vpc_id, tags=tags, opts=self._child
        )
        table = self._table("public")
        route = aws.ec2.Route(
            "public-internet",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )
        for zone, subnet in self.public.items():
            aws.ec2.RouteTableAssociation(
                f"public-{zone}", subnet_id=subnet, route_table_id=table.id, opts=self._child
            )
        return route

    def _gateway(self, zone: str) -> aws.ec2.NatGateway:
        tags = self._place.tags(f"nat-{zone}", "network", zone=zone)
        after = ResourceOptions(parent=self, depends_on=self.way_in)
        address = aws.ec2.Eip(f"nat-{zone}", domain="vpc", tags=tags, opts=after)
        return aws.ec2.NatGateway(
            f"nat-{zone}",
            subnet_id=self.public[zone],
            allocation_id=address.id,
            tags=tags,
            opts=after,
        )

    def _ways_out(self) -> tuple[list[Output[str]], list[Resource]]:
        """Lead each private subnet out: by its zone's own gateway, or by the only one."""
        count = self._place.cloud.nat_gateways
        gateways = {zone: self._gateway(zone) for zone in list(self.private)[:count]}
        tables: list[Output[str]] = []
        needed: list[Resource] = []
        for zone, subnet in self.private.items():
            table = self._table(f"private-{zone}", zone)
            tables.append(table.id)
            route = aws.ec2.Route(
                f"private-{zone}-out",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=gateways.get(zone, gateways["a"]).id,
                opts=self._child,
            )
            joined = aws.ec2.RouteTableAssociation(
                f"private-{zone}", subnet_id=subnet, route_table_id=table.id, opts=self._child
            )
            needed += [route, joined]
        return tables, needed

    def _s3_endpoint(self) -> None:
        """Reach S3 without the way out, and no bucket of anybody else's."""
        place = self._place
        names = [place.bucket(use) for use in ("artifacts", "backups", "loki")]
        ours = [f"arn:aws:s3:::{name}" for name in names]
        agent = f"arn:aws:s3:::amazon-ssm-{place.cloud.region}/*"
        allowed = [
            statement(
                "OwnBuckets",
                [
                    "s3:GetObject",
                    "s3:PutObject",
                    "s3:DeleteObject",
                    "s3:AbortMultipartUpload",
                    "s3:ListBucket",
                ],
                [*ours, *(f"{arn}/*" for arn in ours)],
                principal="*",
            ),
            statement("AgentPackage", ["s3:GetObject"], [agent], principal="*"),
        ]
        aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{place.cloud.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=self.tables,
            policy=json.dumps(document(allowed)),
            tags=place.tags("s3", "network"),
            opts=self._child,
        )

    def sessions(self, group: Output[str]) -> None:
        """Reach Systems Manager without the way out: in as many zones as have one.

        Args:
            group: the security group of the endpoints.
        """
        zones = list(self.private)[: self._place.cloud.nat_gateways]
        for service in SESSIONS:
            aws.ec2.VpcEndpoint(
                service,
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{self._place.cloud.region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=[self.private[zone] for zone in zones],
                security_group_ids=[group],
                private_dns_enabled=True,
                tags=self._place.tags(service, "network"),
                opts=self._child,
            )
