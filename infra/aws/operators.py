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
        keys: list[Output[str]],
        certificate: Output[str],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("dash:aws:Operators", "operators", {}, opts)
        aws.iam.Policy(
            "operators",
            name=place.role("operators"),
            description=f"Run the playbooks of Dash's stack {place.stack.name}",
            policy=Output.all(certificate, *keys).apply(
                lambda arns: json.dumps(allowed(place, arns[1:], arns[0]))
            ),
            tags=place.tags("operators", "access"),
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"name": place.role("operators")})


def allowed(place: Place, keys: list[str], certificate: str) -> dict[str, Any]:
    """Return what an operator may do.

    Args:
        place: the stack.
        keys: ARNs of the keys of its secrets and buckets.
        certificate: the ARN of what the playbooks put on the edges, with its key.
    """
    session = f"arn:aws:ssm:{place.cloud.region}::document/AWS-StartSSHSession"
    return document([
        statement(
            "SshHosts",
            ["ssm:StartSession"],
            [place.arn("ec2", "instance/*")],
            condition={"StringEquals": {"ssm:resourceTag/dash:stack": place.stack.name}},
        ),
        statement("SshDocument", ["ssm:StartSession"], [session]),
        statement(
            "SshOwn",
            ["ssm:TerminateSession", "ssm:ResumeSession"],
            ["arn:aws:ssm:*:*:session/${aws:userid}-*"],
        ),
        statement(
            "Secrets",
            ["ssm:GetParameter", "ssm:GetParametersByPath", "ssm:PutParameter"],
            [place.arn("ssm", f"parameter{place.secrets_path}*"),
             place.arn("ssm", f"parameter{place.secrets_path.rstrip('/')}")],
        ),
        statement("Keys", ["kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"], keys),
        statement("Certificate", ["acm:ExportCertificate"], [certificate]),
        statement("Look", ["ec2:DescribeInstances", "ec2:DescribeTags"], ["*"]),
        statement(
            "ArtifactsObjects",
            ["s3:GetObject", "s3:PutObject"],
            [f"arn:aws:s3:::{place.bucket('artifacts')}/*"],
        ),
    ])  # fmt: skip
