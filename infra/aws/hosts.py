"""The hosts of a stack on AWS: fixed instances, and the volumes of those that hold data.

Blue and green are both here: traffic is switched by the playbooks, never by Pulumi.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi_aws as aws
from pulumi import ComponentResource, InvokeOptions, Output, Resource, ResourceOptions

from infra.aws.userdata import cloud_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.aws.place import Place

DEBIAN = "136693071363"  # the account that publishes Debian's images
ROOT_GIB = 20
DATA = {"db": "postgres", "monitor": "prometheus"}  # role -> what its volume holds
DEVICE = "/dev/sdf"  # as EC2 has it; on the host it is a disk of NVMe with the volume's id
SNAPSHOTS = "dash:snapshots"  # the tag by which volumes are found for snapshots


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host to be."""

    name: str
    role: str
    color: str
    zone: str


@dataclass(frozen=True, kw_only=True)
class HostsArgs:
    """What hosts need of the rest of the stack.

    Attributes:
        counts: hosts of each kind (edge, app-blue, …).
        public_key: whose holder may log in.
        subnets: the private ones, by zone.
        groups: security groups, by role.
        profiles: names of instance profiles, by role.
        key: the KMS key of their disks.
        way_out: what must be there before a host's first boot.
    """

    counts: Mapping[str, int]
    public_key: str
    subnets: Mapping[str, Output[str]]
    groups: Mapping[str, Output[str]]
    profiles: Mapping[str, Output[str]]
    key: Output[str]
    way_out: Sequence[Resource]


def described(place: Place, counts: Mapping[str, int]) -> list[Host]:
    """Return every host by the number of each kind, in the lab's order and with its names."""
    found = []
    for kind, count in counts.items():
        role, _, color = kind.partition("-")
        for number in range(1, count + 1):
            zone = place.cloud.zone_of(number)
            found.append(Host(name=f"{kind}-{number}", role=role, color=color, zone=zone))
    return found


class Hosts(ComponentResource):
    """All instances of a stack and their data volumes.

    Attributes:
        instances: ids, by name.
        listed: every host as the stack's output has it.
    """

    def __init__(self, place: Place, args: HostsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("dash:aws:Hosts", "hosts", {}, opts)
        self._place, self._args, self._child = place, args, ResourceOptions(parent=self)
        self._image = aws.ec2.get_ami_output(
            owners=[DEBIAN],
            filters=[
                {"name": "name", "values": [place.cloud.image]},
                {"name": "architecture", "values": ["x86_64"]},
            ],
            opts=InvokeOptions(parent=self),
        ).id
        self.instances: dict[str, Output[str]] = {}
        self.listed: list[dict[str, Any]] = []
        for host in described(place, args.counts):
            instance = self._instance(host)
            self.instances[host.name] = instance.id
            self.listed.append({
                "name": host.name,
                "role": host.role,
                "color": host.color,
                "zone": host.zone,
                "instance_id": instance.id,
                "volumes": self._volumes(host, instance),
            })  # fmt: skip
        self.register_outputs({"hosts": self.listed})

    def _instance(self, host: Host) -> aws.ec2.Instance:
        args, cloud = self._args, self._place.cloud
        tags = self._place.tags(host.name, host.role, color=host.color, zone=host.zone)
        return aws.ec2.Instance(
            host.name,
            ami=self._image,
            instance_type=cloud.size(host.role),
            subnet_id=args.subnets[host.zone],
            vpc_security_group_ids=[args.groups[host.role]],
            iam_instance_profile=args.profiles[host.role],
            associate_public_ip_address=False,
            disable_api_termination=cloud.protect,
            ebs_optimized=True,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",  # version 2 only
                "http_put_response_hop_limit": 1,
            },
            root_block_device={
                "volume_type": "gp3",
                "volume_size": ROOT_GIB,
                "encrypted": True,
                "kms_key_id": args.key,
                "delete_on_termination": True,
                "tags": tags,
            },
            user_data=cloud_config(host.name, args.public_key, cloud.region),
            tags=tags,
            # As in the lab, what is newer is for newer hosts: replacing one takes its root along
            opts=ResourceOptions(
                parent=self, depends_on=args.way_out, ignore_changes=["ami", "userData"]
            ),
        )

    def _volumes(self, host: Host, instance: aws.ec2.Instance) -> dict[str, Output[str]]:
        """Return the data volumes of a host, by what they hold."""
        data = DATA.get(host.role)
        if not data:
            return {}
        cloud, name = self._place.cloud, f"{host.name}-{data}"
        tags = self._place.tags(name, host.role, zone=host.zone, data=data)
        size = {"db": cloud.db_volume_gib, "monitor": cloud.monitor_volume_gib}[host.role]
        volume = aws.ebs.Volume(
            name,
            availability_zone=cloud.zones[host.zone],
            type="gp3",
            size=size,
            encrypted=True,
            kms_key_id=self._args.key,
            tags=tags | {SNAPSHOTS: self._place.prefix},
            opts=ResourceOptions(parent=self, protect=cloud.protect),
        )
        aws.ec2.VolumeAttachment(
            name,
            device_name=DEVICE,
            volume_id=volume.id,
            instance_id=instance.id,
            stop_instance_before_detaching=True,
            opts=self._child,
        )
        return {data: volume.id}
