"""Snapshots of the data volumes, made and removed by AWS itself every night.

They are for a volume that is lost; a database is restored from its backups.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

from infra.aws.hosts import SNAPSHOTS
from infra.aws.policies import document, statement, trust

if TYPE_CHECKING:
    from infra.aws.place import Place

KEPT = {True: 14, False: 3}  # nights, by protection
AT = "02:30"  # UTC


class Snapshots(ComponentResource):
    """The schedule, and the role in which AWS keeps to it."""

    def __init__(self, place: Place, opts: ResourceOptions) -> None:
        super().__init__("dash:aws:Snapshots", "snapshots", {}, opts)
        child = ResourceOptions(parent=self)
        tags = place.tags("snapshots", "storage")
        role = aws.iam.Role(
            "snapshots",
            name=place.role("snapshots"),
            description=f"Snapshots of Dash's stack {place.stack.name}",
            assume_role_policy=trust("dlm.amazonaws.com", place.cloud.account),
            tags=tags,
            opts=child,
        )
        aws.iam.RolePolicy(
            "snapshots", role=role.name, policy=json.dumps(allowed(place)), opts=child
        )
        aws.dlm.LifecyclePolicy(
            "snapshots",
            description=f"Dash {place.stack.name} data volumes",
            execution_role_arn=role.arn,
            state="ENABLED",
            policy_details={
                "resource_types": ["VOLUME"],
                # One tag: of several, a volume would need any and not all
                "target_tags": {SNAPSHOTS: place.prefix},
                "schedules": [
                    {
                        "name": "nightly",
                        "copy_tags": True,
                        "create_rule": {"interval": 24, "interval_unit": "HOURS", "times": AT},
                        "retain_rule": {"count": KEPT[place.cloud.protect]},
                    }
                ],
            },
            tags=tags,
            opts=child,
        )
        self.register_outputs({"kept": KEPT[place.cloud.protect]})


def allowed(place: Place) -> dict[str, object]:
    """Return what AWS may do to keep to the schedule: on snapshots and volumes of this stack."""
    region = place.cloud.region
    ours = {"StringEquals": {"aws:ResourceTag/dash:stack": place.stack.name}}
    snapshots = f"arn:aws:ec2:{region}::snapshot/*"
    return document([
        statement(
            "SnapshotSource", ["ec2:CreateSnapshot"], [place.arn("ec2", "volume/*")], condition=ours
        ),
        statement("SnapshotMake", ["ec2:CreateSnapshot"], [snapshots]),
        statement("SnapshotRemove", ["ec2:DeleteSnapshot"], [snapshots], condition=ours),
        statement("SnapshotTag", ["ec2:CreateTags"], [snapshots]),
        statement("SnapshotLook", ["ec2:DescribeVolumes", "ec2:DescribeSnapshots"], ["*"]),
    ])  # fmt: skip
