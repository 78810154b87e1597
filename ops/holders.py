"""Who has the policy of a stack's operators: IAM removes none that somebody has.

`./dash down` looks before it begins: Pulumi would remove the rest of the stack and fail at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops import aws, state
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
    policy, settings = f"{stack.prefix}-operators", state.settings(stack)
    arn = f"arn:aws:iam::{settings['account']}:policy/{policy}"
    with aws.said(stack.name):
        found = _holders(aws.client("iam", settings["region"]), arn)
    if found:
        raise UserError(
            f"nothing was removed: somebody has the policy {policy}, and IAM removes none that "
            f"somebody has. Next: {'; '.join(found)}; then the same again"
        )


def _holders(iam: Any, arn: str) -> list[str]:  # noqa: ANN401 -- boto3's clients have no types
    """Return what takes a policy from each who has it; of one that is not there, nothing."""
    try:
        pages = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn)
        return [way for page in pages for way in _ways(page, arn)]
    except iam.exceptions.NoSuchEntityException:
        return []


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
