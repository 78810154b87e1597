"""Who a host is to AWS: one IAM role for each kind, with what that kind does and nothing more.

Secrets are read where playbooks run, so no host may read any. Artifacts come by addresses that an
operator signs for a quarter of an hour (plugin_utils/bucket.py), so no host may read those either.
Operators come through Systems Manager; the agent's rights stand here and not in AWS's managed
policy, which reads every parameter of the account.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from infra.aws.policies import document, statement, trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.aws.place import Place

CHANNELS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
]


def agent() -> dict[str, Any]:
    """Return what Systems Manager's agent needs on every host."""
    return document([statement("Agent", CHANNELS, ["*"])])


def work(place: Place, kind: str) -> list[dict[str, Any]]:
    """Return what a kind of host does beyond that, as statements."""

    def bucket(sid: str, use: str, objects: list[str]) -> list[dict[str, Any]]:
        arn = f"arn:aws:s3:::{place.bucket(use)}"
        return [
            statement(f"{sid}List", ["s3:ListBucket"], [arn]),
            statement(f"{sid}Objects", objects, [f"{arn}/*"]),
        ]

    return {
        # Nothing is deleted from there: the bucket's lifecycle does that
        "db": bucket(
            "Backups", "backups", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        ),
        "monitor": bucket("Logs", "loki", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]),
    }.get(kind, [])


class Access(ComponentResource):
    """A role and an instance profile for each kind of host.

    Attributes:
        roles: for what has to wait for them: a key's policy names only roles that are there.
        profiles: names of the instance profiles, by kind.
    """

    def __init__(self, place: Place, kinds: Sequence[str], opts: ResourceOptions) -> None:
        super().__init__("dash:aws:Access", "access", {}, opts)
        self._place, self._child = place, ResourceOptions(parent=self)
        self.roles: dict[str, aws.iam.Role] = {}
        self.profiles: dict[str, Output[str]] = {}
        for kind in kinds:
            self.roles[kind] = self._role(kind)
            self._allow(f"{kind}-agent", self.roles[kind], agent())
            if found := work(place, kind):
                self._allow(f"{kind}-work", self.roles[kind], document(found))
            self.profiles[kind] = aws.iam.InstanceProfile(
                kind,
                name=place.role(kind),
                role=self.roles[kind].name,
                tags=place.tags(kind, kind),
                opts=self._child,
            ).name
        self.register_outputs({"profiles": self.profiles})

    def _role(self, kind: str) -> aws.iam.Role:
        return aws.iam.Role(
            kind,
            name=self._place.role(kind),
            description=f"Hosts of kind {kind} of Dash's stack {self._place.stack.name}",
            assume_role_policy=trust("ec2.amazonaws.com"),
            tags=self._place.tags(kind, kind),
            opts=self._child,
        )

    def _allow(self, name: str, role: aws.iam.Role, policy: dict[str, Any]) -> None:
        aws.iam.RolePolicy(name, role=role.name, policy=json.dumps(policy), opts=self._child)
