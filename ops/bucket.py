"""Make the bucket of a stack's state, its key, and the ssh key: `./dash infra bootstrap`.

They outlive the stack, as do its secrets, which the same key encrypts: a stack that is made again
reads them. Each step looks first and may be run again. Nothing here is Pulumi's, which needs it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ops import aws, login, state
from ops.console import UserError

if TYPE_CHECKING:
    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack

OLD_VERSIONS = 365  # days for which a former state can be had back


@dataclass
class Bootstrap:
    """One run of it.

    Attributes:
        done: what was made or set, in a few words each; what was there is not among it.
    """

    stack: Stack
    account: str
    region: str
    done: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the bucket's name: with the account in it, nobody else has it by chance."""
        return f"{self.stack.prefix}-state-{self.account}"

    @property
    def url(self) -> str:
        """Return the bucket as Pulumi's backend."""
        return f"s3://{self.name}?region={self.region}"

    def run(self) -> None:
        """Make what is missing. Raises UserError with one line."""
        with aws.said(self.stack.name):
            self._steps()

    def _steps(self) -> None:
        self._credentials()
        key = self._key()
        if self._bucket():
            self.done.append(f"bucket {self.name}")
        self._closed(key)
        if login.offer(self.stack, self.region):
            self.done.append("ssh key in the Parameter Store")
        if state.remember(self.stack, self.url):
            self.done.append(f"dash:state in {state.file(self.stack).name} (commit it)")

    def _client(self, service: str) -> Any:  # noqa: ANN401 -- boto3's clients have no types
        return aws.client(service, self.region)

    def _credentials(self) -> None:
        seen = self._client("sts").get_caller_identity()["Account"]
        if seen != self.account:
            raise UserError(
                f"these are credentials of account {seen}, and dash:account of {self.stack.name} "
                f"is {self.account}. Next: export AWS_PROFILE=<one of that account>"
            )

    def _key(self) -> str:
        """Return the key's ARN."""
        import botocore.exceptions as botocore  # noqa: PLC0415 -- it takes a second

        kms, alias = self._client("kms"), state.alias(self.stack)
        try:
            found: str = kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
        except botocore.ClientError as error:
            if _code(error) != "NotFoundException":
                raise
            made = kms.create_key(
                Description=f"Dash {self.stack.name}: Pulumi's state, secrets",
                Tags=[{"TagKey": k, "TagValue": v} for k, v in self._tags().items()],
            )["KeyMetadata"]
            kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
            self.done.append(f"key {alias}")
            found = made["Arn"]
        kms.enable_key_rotation(KeyId=found)
        return found

    def _bucket(self) -> bool:
        """Make the bucket; False when it was there and is ours."""
        import botocore.exceptions as botocore  # noqa: PLC0415 -- it takes a second

        s3 = self._client("s3")
        try:
            s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self.account)
        except botocore.ClientError as error:
            code = _code(error)
            if code in ("403", "AccessDenied"):
                raise self._taken() from None
            if code in ("301", "PermanentRedirect"):
                raise UserError(
                    f"bucket {self.name} is there in another region than {self.region}. Next: say "
                    f"that region in dash:region of {state.file(self.stack).name}, or remove it"
                ) from None
            if code not in ("404", "NoSuchBucket", "NotFound"):
                raise
        else:
            return False
        place = {"LocationConstraint": self.region}
        more = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": place}
        try:
            s3.create_bucket(Bucket=self.name, **more)
        except botocore.ClientError as error:
            if _code(error) == "BucketAlreadyExists":
                raise self._taken() from None
            raise
        return True

    def _taken(self) -> UserError:
        return UserError(
            f"bucket {self.name} belongs to somebody else, or these credentials may not see it. "
            "Next: have them looked at, or give this stack another account"
        )

    def _closed(self, key: str) -> None:
        """Keep old versions, encrypt, and let nothing in it be public."""
        s3, name = self._client("s3"), self.name
        arn = f"arn:aws:s3:::{name}"
        blocked = (
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        )
        s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(blocked, True)
        )
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
        refused = {
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }  # fmt: skip
        policy = {"Version": "2012-10-17", "Statement": [refused]}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
        old = {"NoncurrentDays": OLD_VERSIONS}
        keep = {"ID": "keep", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": old}
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [keep]})
        tags = [{"Key": k, "Value": v} for k, v in self._tags().items()]
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})

    def _tags(self) -> dict[str, str]:
        return {
            "Name": self.name, "dash:stack": self.stack.name, "dash:name": "state",
            "dash:role": "storage",
        }  # fmt: skip


def _code(error: Any) -> str:  # noqa: ANN401 -- botocore has no types
    return str(error.response["Error"]["Code"])
