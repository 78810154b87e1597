"""What a cloud or Pulumi refuses ends in one line that says what to type next."""

from __future__ import annotations

import re

import botocore.exceptions as said
import pytest

from ansible_collections.dash.platform.plugins.module_utils import refusals
from ops import pulumi
from tests.unit.refusals.texts import BUG, CLI, PENDING

LINES = {
    "no credentials for the state": "no AWS credentials are set. Next: export AWS_PROFILE",
    "no bucket for the state": (
        "the bucket of the state is not there. Next: ./dash --stack staging infra bootstrap"
    ),
    "denied the state": "these credentials may not read or write the state of staging. Next: aws",
    "region of the state": "no AWS answers in region eu-centrl-1: it is misspelt in ",
    "locked": "anna@laptop has worked on staging since 2026-11-29T10:00:00Z. Next: wait",
    "another project": "the state of staging belongs to the program shop. Next: git status",
    "another key": "the state of staging was written under another key: it belongs to ",
    "no credentials (pulumi-aws#3310)": "no AWS credentials are set. Next: ",
    "no region (pulumi-aws#3310)": "no region is set. Next: set dash:region in infra/stacks/",
    "wrong credentials (pulumi-aws#3310)": "AWS does not take these credentials. Next: aws sts",
    "expired (pulumi-aws#2560)": "the AWS credentials have expired. Next: aws sso login",
    "expired, of the state (pulumi#19452)": "the AWS credentials have expired. Next: aws sso",
    "region (upjet#459)": "no AWS answers in region us-east2: it is misspelt in dash:region",
    "region (pulumi-aws#1158)": "us-east2 is no region of AWS. Next: mend dash:region of infra",
    "bucket (awsgoat#50)": "the name of a bucket is taken, though the account's number is in it",
    "image (pulumi#8120)": (
        "dash:image of infra/stacks/Pulumi.staging.yaml names an image that Debian does not publish"
    ),
    "zone (jupyter-deploy#51)": (
        "the account has no zone that is called as dash:hosted_zone of infra/stacks/Pulumi.staging"
    ),
    "zone (tectonic-forum#251)": "the account has no zone that is called as dash:hosted_zone of ",
    "certificate never proved (terraform-provider-aws, format string)": (
        "the certificate was not proved: the domain's registrar does not name the servers of dash:"
    ),
    "key on its way out (terraform-provider-aws#17889)": (
        "a key of staging waits for its end: somebody left for good. Next: aws kms cancel-key-"
    ),
    "quota of vCPUs (amazon-cloudwatch-agent-test#256)": (
        "the account's quota of 32 vCPUs is used up. Next: ask for more at https://console.aws"
    ),
    "quota of addresses (tectonic#196)": (
        "a quota of the account is used up (AddressLimitExceeded). Next: ask for more at "
    ),
    "protected (pulumi, format string of 3.259)": "staging is protected: its data is not removed",
    "no capacity (ocs-ci#9263)": "AWS has no m6i.xlarge left in us-east-2a. Next: another size",
    "half destroyed (zephyr-app#9)": "staging is half gone: what is left is in use by something",
    "another program's (port-labs/ocean#854)": (
        "IAM Role port-ocean-launchdarkly-ld_ocean is there already and staging's state does not "
    ),
    "another account (terraform-provider-aws#32352)": (
        "these are credentials of account 123456789012, and dash:account of infra/stacks/"
    ),
    "never reachable (Session Manager)": (
        "i-0abc12de34f567890 cannot be reached: it does not run, or its agent has not called "
    ),
}


def client_error(code: str, message: str, operation: str) -> Exception:
    error: Exception = said.ClientError({"Error": {"Code": code, "Message": message}}, operation)
    return error


BOTOCORE = [
    (said.NoCredentialsError(), "no AWS credentials are set"),
    (said.NoRegionError(), "no region is set"),
    (said.ProfileNotFound(profile="work"), "AWS_PROFILE names work, which is not in ~/.aws/config"),
    (said.InvalidRegionError(region_name="eu_central"), "eu_central is no region of AWS"),
    (
        said.EndpointConnectionError(endpoint_url="https://ec2.eu-centrl-1.amazonaws.com/"),
        "no AWS answers in region eu-centrl-1",
    ),
    (
        said.TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
        "the AWS credentials have expired",
    ),
    (said.UnauthorizedSSOTokenError(), "the AWS credentials have expired"),
    (
        client_error(
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
            "DescribeInstances",
        ),
        "AWS does not take these credentials",
    ),
    (
        client_error(
            "RequestExpired", "Request has expired.", "DescribeInstances",
        ),
        "the AWS credentials have expired",
    ),
    (
        client_error(
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/anna is not authorized to perform: "
            "ssm:StartSession on resource: arn:aws:ec2:eu-central-1:123456789012:instance/i-0a",
            "StartSession",
        ),
        "these credentials may not do ssm:StartSession",
    ),
    (
        client_error(
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting "
            "'eu-central-1'",
            "ListObjectsV2",
        ),
        "the bucket lies in eu-central-1, and us-east-1 was asked",
    ),
    (
        client_error("OptInRequired", "You are not subscribed to this service.", "RunInstances"),
        "this account has not turned the region on",
    ),
]  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_a_text_that_was_seen_has_its_line(name: str) -> None:
    line = refusals.explain((CLI | BUG)[name], "staging")

    assert line.startswith(LINES[name])


def test_every_text_has_a_line_to_be_held_against() -> None:
    assert LINES.keys() == (CLI | BUG).keys()


@pytest.mark.parametrize(("error", "begin"), BOTOCORE, ids=[str(n) for n in range(len(BOTOCORE))])
def test_what_botocore_raises_has_its_line(error: Exception, begin: str) -> None:
    """Also as the inventory plugin and a traceback wrap it."""
    assert refusals.explain(f"Failed to describe instances: {error}", "staging").startswith(begin)


def test_each_line_is_one_line_that_says_what_to_type() -> None:
    said = [refusals.explain(text, "staging") for text in (CLI | BUG).values()]
    said += [refusals.explain(str(error), "staging") for error, _ in BOTOCORE]
    for line in said:
        assert "\n" not in line
        assert ". Next: " in line
        assert not re.search(r"[{}]|  |\(\)", line), line
        assert "production" not in line


@pytest.mark.parametrize("text", [
    BUG["expired (pulumi-aws#2560)"], BUG["region (upjet#459)"], BUG["region (pulumi-aws#1158)"],
    BUG["another account (terraform-provider-aws#32352)"], str(BOTOCORE[-2][0]),
])  # fmt: skip
def test_what_every_verb_meets_names_none(text: str) -> None:
    """An expired token during `status` is no reason to change the infrastructure."""
    line = refusals.explain(text, "staging")

    assert line.endswith("then the same again")
    assert "provision" not in line


@pytest.mark.parametrize("text", ["", "Resources:\n    + 2 created\n", "error: no route to podman"])
def test_what_is_not_known_is_left_to_others(text: str) -> None:
    assert refusals.explain(text, "staging") == ""


def test_pulumi_says_the_line_and_where_the_rest_is() -> None:
    text = "Updating (staging):\n" + BUG["bucket (awsgoat#50)"] + "\nerror: update failed\n"
    error = pulumi._fail("up", text, "staging", " (all of it: log)")

    assert error.line.startswith("pulumi up failed: the name of a bucket is taken")
    assert error.line.endswith("./dash --stack staging provision (all of it: log)")


def test_an_interrupted_run_is_told_though_pulumi_ends_well() -> None:
    """Pulumi 3 goes on with a warning: what it was making then may be there twice."""
    line = refusals.in_doubt(PENDING, "staging")

    assert line.startswith(
        "an earlier run was cut off while creating edge-1: it may be there twice"
    )
    assert line.endswith("pulumi refresh --clear-pending-creates")
    assert refusals.in_doubt("Resources:\n", "staging") == ""


def test_in_a_lab_the_next_run_finds_what_was_cut_off() -> None:
    """Containers have names: what is there already is taken, not made twice."""
    text = PENDING.replace("$aws:ec2/instance:Instance::", "$pulumi-python:dynamic:Resource::")
    text = text.replace("dash::dash:aws:Host", "dash::dash:lab:Lab")

    assert refusals.in_doubt(text, "staging") == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no such thing\nand more", "no such thing"),
        (
            str(said.EndpointConnectionError(endpoint_url="https://iam.amazonaws.com/")),
            (
                "iam.amazonaws.com does not answer. Next: see whether this machine has a network, "
                "then the same again"
            ),
        ),
        (" \n", "AWS gave no reason"),
        (CLI["another key"], refusals.explain(CLI["another key"], "staging")),
    ],
)
def test_there_is_always_one_line(text: str, line: str) -> None:
    assert refusals.line(text, "staging") == line
