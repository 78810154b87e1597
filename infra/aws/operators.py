"""What an operator of the stack may do: run playbooks, not change the infrastructure.

A policy to attach to the people of a team. Whoever types `pulumi up` needs more
(`docs/operations/aws.md`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from infra.aws.policies import document, statement

if TYPE_CHECKING:
    from infra.aws.place import Place


class Operators(ComponentResource):
    """The policy; who has it is the account's business."""

    def __init__(
        self,
        place: Place,
        storage: Output[str],
        certificate: Output[str],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("dash:aws:Operators", "operators", {}, opts)
        aws.iam.Policy(
            "operators",
            name=place.role("operators"),
            description=f"Run the playbooks of Dash's stack {place.stack.name}",
            policy=Output.all(certificate, storage).apply(
                lambda arns: json.dumps(allowed(place, *arns))
            ),
            tags=place.tags("operators", "access"),
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"name": place.role("operators")})


def allowed(place: Place, certificate: str, storage: str) -> dict[str, Any]:
    """Return what an operator may do.

    Args:
        place: the stack.
        certificate: the ARN of what the playbooks put on the edges, with its key.
        storage: the ARN of the key of its buckets.
    """
    artifacts = f"arn:aws:s3:::{place.bucket('artifacts')}"
    return document([
        *_hosts(place),
        statement(
            "Secrets",
            [f"ssm:{verb}Parameter" for verb in ("Get", "Put", "Delete")]
            + ["ssm:GetParametersByPath"],
            [place.arn("ssm", f"parameter{place.secrets_path}*"),
             place.arn("ssm", f"parameter{place.secrets_path.rstrip('/')}")],
        ),
        *_state(place),
        statement(
            "BucketsKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [storage],
            condition=place.through("s3"),
        ),
        statement("Certificate", ["acm:ExportCertificate"], [certificate]),
        # Without it S3 does not tell what is missing from what is not allowed
        statement("ArtifactsList", ["s3:ListBucket"], [artifacts]),
        statement(
            "ArtifactsObjects",
            ["s3:GetObject", "s3:PutObject"],
            [f"{artifacts}/*"],
        ),
    ])  # fmt: skip


def _hosts(place: Place) -> list[dict[str, Any]]:
    """Return what it takes to find the hosts, to come to them, and to read what one said."""
    session = f"arn:aws:ssm:{place.cloud.region}::document/AWS-StartSSHSession"
    hosts = [place.arn("ec2", "instance/*")]
    return [
        statement("Look", ["ec2:DescribeInstances", "ec2:DescribeTags"], ["*"]),
        statement(
            "SshHosts",
            ["ssm:StartSession"],
            hosts,
            condition={"StringEquals": {"ssm:resourceTag/dash:stack": place.stack.name}},
        ),
        statement("SshDocument", ["ssm:StartSession"], [session]),
        # The plugin signs the third since 1.2.764 (AWS's example of a policy for end users)
        statement(
            "SshOwn",
            ["ssm:TerminateSession", "ssm:ResumeSession", "ssmmessages:OpenDataChannel"],
            ["arn:aws:ssm:*:*:session/${aws:userid}-*"],
        ),
        # Of a host that never became reachable
        statement(
            "Rescue",
            ["ec2:GetConsoleOutput"],
            hosts,
            condition={"StringEquals": {"aws:ResourceTag/dash:stack": place.stack.name}},
        ),
    ]


def _state(place: Place) -> list[dict[str, Any]]:
    """Return what it takes to read the stack's outputs, and to keep secrets under the same key.

    Bucket and key are the bootstrap's (ops/bucket.py): here they are names.
    """
    named = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": place.alias("state")}}
    bucket = f"arn:aws:s3:::{place.bucket('state')}"
    key = [place.arn("kms", "key/*")]
    return [
        statement("StateList", ["s3:ListBucket"], [bucket]),
        statement("StateObjects", ["s3:GetObject"], [f"{bucket}/*"]),
        statement("StateKey", ["kms:Decrypt"], key, condition=named),
        # The second is for a value beyond 4 KB, which has a key of its own
        statement(
            "SecretsKey",
            ["kms:Encrypt", "kms:GenerateDataKey"],
            key,
            condition=named | place.through("ssm"),
        ),
    ]
