"""Who has the policy of a stack's operators: IAM removes none that somebody has.

`./dash down` looks before it begins: Pulumi would remove the rest of the stack and fail at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import refusals
from ops import state
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack

SSO = "AWSReservedSSO_"  # begins the role of a permission set; _ and digits end it


def refuse(stack: Stack) -> None:
    """See that nobody has the policy of a stack on AWS; of another stack there is none.

    Raises:
        UserError: somebody has it, or IAM cannot be asked.
    """
    if not state.shared(stack):
        return
    import boto3  # noqa: PLC0415 -- takes a second, and a lab has no use for it
    import botocore.exceptions as botocore  # noqa: PLC0415 -- the same

    policy = f"{stack.prefix}-operators"
    arn = f"arn:aws:iam::{state.settings(stack)['account']}:policy/{policy}"
    try:
        iam = boto3.client("iam", region_name=state.settings(stack)["region"])
        asked = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn)
        found = [way for page in asked for way in _ways(page, arn)]
    except (botocore.BotoCoreError, botocore.ClientError) as error:
        if "NoSuchEntity" in str(error):
            return  # it is gone already, or was never made
        said = str(error).strip().splitlines() or ["AWS gave no reason"]
        raise UserError(refusals.explain(str(error), stack.name) or said[0]) from None
    if found:
        raise UserError(
            f"nothing was removed: somebody has the policy {policy}, and IAM removes none that "
            f"somebody has. Next: {'; '.join(found)}; then the same again"
        )


def _ways(page: dict[str, list[dict[str, str]]], arn: str) -> Iterator[str]:
    """Yield what takes the policy from each who has it."""
    for kind in ("Group", "User", "Role"):
        for each in page[f"Policy{kind}s"]:
            name = each[f"{kind}Name"]
            if name.startswith(SSO):
                permissions = name.removeprefix(SSO).rpartition("_")[0]
                yield f"take it out of Identity Center's permission set {permissions}"
            else:
                option = f"--{kind.lower()}-name {name}"
                yield f"aws iam detach-{kind.lower()}-policy {option} --policy-arn {arn}"
