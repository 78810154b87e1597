"""The stack's own KMS keys: one for disks, one for buckets and logs.

Secrets outlive the stack, so their key does too: `./dash infra bootstrap` makes it (ops/bucket.py).
Who may use a key stands in its own policy. `*` as the resource there means the key itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

from infra.aws.policies import document, statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.aws.place import Place

USES = {"disks": "disks of hosts", "storage": "buckets and flow logs"}
OF_BUCKETS = ("db", "monitor")  # kinds of host that use buckets
# Days before a key that is removed is gone, the most that there are: as long as backups are locked.
# By protection it would be shorter where it counts, as that ends before a stack does.
WAIT = 30


def policy(place: Place, use: str, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the policy of a key.

    Args:
        place: the stack.
        use: what the key is for.
        kinds: kinds of host that there are.
    """
    owner = {"AWS": f"arn:aws:iam::{place.cloud.account}:root"}
    found = [statement("Account", ["kms:*"], ["*"], principal=owner)]
    if use != "storage":
        return document(found)
    s3 = place.through("s3")
    found += [
        statement(
            f"Buckets{kind.capitalize()}",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            ["*"],
            principal={"AWS": place.role_arn(kind)},
            condition=s3,
        )
        for kind in OF_BUCKETS
        if kind in kinds
    ]
    log = place.arn("logs", f"log-group:{flow_log(place)}")
    found.append(
        statement(
            "FlowLogs",
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo",
             "kms:GenerateDataKey", "kms:DescribeKey"],
            ["*"],
            principal={"Service": f"logs.{place.cloud.region}.amazonaws.com"},
            condition={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": log}},
        )
    )  # fmt: skip
    return document(found)


def flow_log(place: Place) -> str:
    """Return the name of the group of flow logs, which the key's policy has to know."""
    return f"/dash/{place.prefix}/flow"


class Keys(ComponentResource):
    """The keys and their aliases.

    Attributes:
        arns: of the keys, by use.
    """

    def __init__(
        self, place: Place, roles: Mapping[str, aws.iam.Role], opts: ResourceOptions
    ) -> None:
        super().__init__("dash:aws:Keys", "keys", {}, opts)
        protect = place.cloud.protect
        self.arns = {}
        for use, words in USES.items():
            key = aws.kms.Key(
                use,
                description=f"Dash {place.stack.name}: {words}",
                enable_key_rotation=True,
                deletion_window_in_days=WAIT,
                policy=json.dumps(policy(place, use, tuple(roles))),
                tags=place.tags(use, "keys"),
                opts=ResourceOptions(parent=self, protect=protect, depends_on=list(roles.values())),
            )
            aws.kms.Alias(
                use,
                name=place.alias(use),
                target_key_id=key.id,
                opts=ResourceOptions(parent=self),
            )
            self.arns[use] = key.arn
        self.register_outputs({"arns": self.arns})
