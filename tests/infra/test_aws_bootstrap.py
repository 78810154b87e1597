"""The bucket and the key of a stack's state, made in a simulated AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack, StackError
from infra.keys import login as program_key
from ops import login, state
from ops.bucket import Bootstrap
from ops.console import UserError

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT, REGION = "123456789012", "eu-central-1"  # moto's own account
NAME = f"dash-staging-state-{ACCOUNT}"


@pytest.fixture(name="stack")
def _stack(moto_stack: Stack) -> Stack:
    return moto_stack


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def run(stack: Stack, account: str = ACCOUNT) -> Bootstrap:
    found = Bootstrap(stack, account, REGION)
    found.run()
    return found


def test_it_makes_a_closed_bucket_and_a_key_and_says_so(stack: Stack) -> None:
    done = run(stack)
    s3 = client("s3")
    rule = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"][0]
    default = rule["ApplyServerSideEncryptionByDefault"]
    key = client("kms").describe_key(KeyId="alias/dash-staging-state")["KeyMetadata"]

    assert done.done == [
        "key alias/dash-staging-state", f"bucket {NAME}",
        "ssh key in the Parameter Store", "dash:state in Pulumi.staging.yaml (commit it)",
    ]  # fmt: skip
    assert state.url(stack) == f"s3://{NAME}?region={REGION}"
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"].values())
    assert (default["SSEAlgorithm"], default["KMSMasterKeyID"]) == ("aws:kms", key["Arn"])
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=NAME)["Policy"]
    assert s3.get_bucket_location(Bucket=NAME)["LocationConstraint"] == REGION
    assert client("kms").get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]


def test_a_second_run_makes_nothing(stack: Stack) -> None:
    run(stack)
    keys = len(client("kms").list_keys()["Keys"])

    assert run(stack).done == []
    assert len(client("kms").list_keys()["Keys"]) == keys


def test_a_second_run_mends_what_was_opened(stack: Stack) -> None:
    run(stack)
    client("s3").delete_public_access_block(Bucket=NAME)
    run(stack)

    assert client("s3").get_public_access_block(Bucket=NAME)


def test_credentials_of_another_account_end_it_before_anything(stack: Stack) -> None:
    with pytest.raises(UserError, match=r"credentials of account 123456789012.*AWS_PROFILE"):
        run(stack, "210987654321")

    assert client("s3").list_buckets()["Buckets"] == []
    assert client("kms").list_keys()["Keys"] == []


@pytest.mark.parametrize(
    ("look", "make", "said"),
    [
        ("403", "", f"bucket {NAME} belongs to somebody else"),
        ("301", "", f"bucket {NAME} is there in another region than {REGION}"),
        ("404", "BucketAlreadyExists", f"bucket {NAME} belongs to somebody else"),
    ],
)
def test_a_bucket_that_cannot_be_ours_ends_in_one_line(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, look: str, make: str, said: str
) -> None:
    """Moto lets everybody at every bucket: what S3 answers is given by hand."""
    real, s3 = Bootstrap._client, client("s3")
    with Stubber(s3) as stubbed:
        asked = {"Bucket": NAME, "ExpectedBucketOwner": ACCOUNT}
        stubbed.add_client_error("head_bucket", look, expected_params=asked)
        if make:
            stubbed.add_client_error("create_bucket", make)
        monkeypatch.setattr(
            Bootstrap, "_client", lambda self, name: s3 if name == "s3" else real(self, name)
        )
        with pytest.raises(UserError, match=said) as raised:
            run(stack)
        stubbed.assert_no_pending_responses()
    assert "\n" not in raised.value.line
    assert state.url(stack).startswith("file://")


def test_no_credentials_are_one_line(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(UserError) as raised:
        run(stack)
    assert "\n" not in raised.value.line
    assert "credentials" in raised.value.line


def colleague(stack: Stack, folder: Path) -> Stack:
    """Return the same stack in a clone of somebody else, who has the settings and nothing more."""
    other = Stack(folder, stack.name)
    state.file(other).parent.mkdir(parents=True)
    state.file(other).write_text(state.file(stack).read_text())
    return other


def test_all_operators_have_one_ssh_key(stack: Stack, tmp_path_factory: Any) -> None:
    """The second gets what the first one made, whatever either types."""
    run(stack)
    first, second = (colleague(stack, tmp_path_factory.mktemp(n)) for n in ("first", "second"))
    login.take(first)
    assert run(second).done == []

    keys = {(s.directory / "ssh/id_ed25519").read_text() for s in (stack, first, second)}
    (parameter,) = client("ssm").describe_parameters()["Parameters"]
    assert len(keys) == 1
    assert "OPENSSH PRIVATE KEY" in keys.pop()
    assert (first.directory / "ssh/id_ed25519").stat().st_mode & 0o777 == 0o600
    assert (parameter["Name"], parameter["KeyId"]) == (
        "/dash/staging/ssh_key", "alias/dash-staging-state"
    )  # fmt: skip
    assert program_key(stack, shared=True) == program_key(second, shared=True)


def test_the_key_of_a_stack_from_before_becomes_the_teams(stack: Stack) -> None:
    """What was made by an older version on one machine is kept, not made anew."""
    public = program_key(stack)
    run(stack)

    assert program_key(stack, shared=True) == public
    kept = client("ssm").get_parameter(Name="/dash/staging/ssh_key", WithDecryption=True)
    assert kept["Parameter"]["Value"] == (stack.directory / "ssh/id_ed25519").read_text()


def test_a_look_at_a_stack_makes_no_key(stack: Stack, tmp_path_factory: Any) -> None:
    """Neither `./dash infra check` nor `pulumi preview`: a key of one's own reaches nothing."""
    run(stack)
    client("ssm").delete_parameter(Name="/dash/staging/ssh_key")
    other = colleague(stack, tmp_path_factory.mktemp("other"))

    with pytest.raises(UserError, match=r"neither here nor in the Parameter Store\. Next: \./dash"):
        login.take(other)
    with pytest.raises(StackError, match=r"is not on this machine\. Next: \./dash --stack staging"):
        program_key(other, shared=True)
    login.take(stack)  # who has it works on

    assert not (other.directory / "ssh").exists()
    assert client("ssm").describe_parameters()["Parameters"] == []


def test_another_key_than_the_teams_is_named_and_stays(stack: Stack, tmp_path_factory: Any) -> None:
    run(stack)
    other = colleague(stack, tmp_path_factory.mktemp("other"))
    public = program_key(other)

    for verb in (lambda: login.take(other), lambda: run(other)):
        with pytest.raises(UserError, match=r"is not the stack's ssh key.*Next: mv \S+/ssh "):
            verb()
    assert program_key(other) == public


def test_a_stack_whose_state_lies_here_asks_nobody(tmp_path: Path) -> None:
    """Without a simulated AWS: a call would fail."""
    login.take(Stack(tmp_path, "staging"))
