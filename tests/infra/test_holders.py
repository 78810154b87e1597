"""`./dash down` begins with nothing while somebody has the policy of the operators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import holders, state
from ops.console import UserError

if TYPE_CHECKING:
    pass

ACCOUNT, REGION = "123456789012", "eu-central-1"  # moto's own account
ARN = f"arn:aws:iam::{ACCOUNT}:policy/dash-staging-operators"
ANY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"}],
})  # fmt: skip


@pytest.fixture(name="stack")
def _stack(moto_stack: Stack) -> Stack:
    file = state.file(moto_stack)
    file.write_text(f"{file.read_text()}  dash:state: s3://there\n")
    return moto_stack


def iam() -> Any:
    return boto3.client("iam", region_name=REGION)


def refused(stack: Stack) -> str:
    with pytest.raises(UserError) as caught:
        holders.refuse(stack)
    assert "\n" not in caught.value.line
    return caught.value.line


def test_without_the_policy_there_is_nothing_to_refuse(stack: Stack) -> None:
    holders.refuse(stack)
    iam().create_policy(PolicyName="dash-staging-operators", PolicyDocument=ANY)
    holders.refuse(stack)


def test_a_group_that_has_it_is_named_with_what_takes_it_away(stack: Stack) -> None:
    iam().create_policy(PolicyName="dash-staging-operators", PolicyDocument=ANY)
    iam().create_group(GroupName="people")
    iam().attach_group_policy(GroupName="people", PolicyArn=ARN)

    assert refused(stack) == (
        "nothing was removed: somebody has the policy dash-staging-operators, and IAM removes none "
        "that somebody has. Next: aws iam detach-group-policy --group-name people --policy-arn "
        f"{ARN}; then the same again"
    )
    iam().detach_group_policy(GroupName="people", PolicyArn=ARN)
    holders.refuse(stack)


def test_a_permission_set_is_called_as_people_know_it(stack: Stack) -> None:
    role = "AWSReservedSSO_dash_operators_0123"
    iam().create_policy(PolicyName="dash-staging-operators", PolicyDocument=ANY)
    iam().create_role(RoleName=role, AssumeRolePolicyDocument=ANY)
    iam().attach_role_policy(RoleName=role, PolicyArn=ARN)

    line = refused(stack)
    assert "Next: take it out of Identity Center's permission set dash_operators; then" in line


def test_on_podman_nobody_is_asked(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    state.file(stack).write_text("config:\n  dash:provider: podman\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setattr(boto3, "client", None)

    holders.refuse(stack)


def test_no_credentials_are_one_line(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers whose it is

    assert refused(stack).startswith(
        "AWS_PROFILE names nobody, which is not in ~/.aws/config. Next"
    )
