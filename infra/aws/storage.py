"""The stack's buckets: artifacts that are released, backups of databases, chunks of logs.

All are private, versioned, encrypted with the stack's own key and reached by TLS alone. What lies
among the backups cannot be removed before its time, whoever asks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from infra.aws.place import BUCKETS
from infra.aws.policies import document, statement

if TYPE_CHECKING:
    from infra.aws.place import Place


@dataclass(frozen=True)
class Keep:
    """How long objects are kept, in days.

    Attributes:
        newest: the version that counts; None for ever.
        older: versions that were replaced or removed.
    """

    newest: int | None
    older: int


KEEP = {"artifacts": Keep(None, 90), "backups": Keep(35, 7), "loki": Keep(35, 7)}
LOCKED = {True: 30, False: 1}  # days that a backup cannot be removed, by protection
UNFINISHED = 7  # days after which parts of uploads that never ended are removed


def tls_only(name: str) -> str:
    """Return the policy of a bucket that refuses everything without TLS."""
    arn = f"arn:aws:s3:::{name}"
    refused = statement(
        "TlsOnly",
        ["s3:*"],
        [arn, f"{arn}/*"],
        principal="*",
        effect="Deny",
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    return json.dumps(document([refused]))


class Storage(ComponentResource):
    """The buckets and everything that is set on each."""

    def __init__(self, place: Place, key: Output[str], opts: ResourceOptions) -> None:
        super().__init__("dash:aws:Storage", "storage", {}, opts)
        self._place, self._child = place, ResourceOptions(parent=self)
        for use in BUCKETS:
            bucket = self._bucket(use)
            self._closed(use, bucket, key)
            versions = aws.s3.BucketVersioning(
                use,
                bucket=bucket,
                versioning_configuration={"status": "Enabled"},
                opts=self._child,
            )
            self._lifecycle(use, bucket, versions)
            if use == "backups":
                self._lock(use, bucket, versions)
        self.register_outputs({"buckets": list(BUCKETS)})

    def _bucket(self, use: str) -> Output[str]:
        protect = self._place.cloud.protect
        return aws.s3.Bucket(
            use,
            bucket=self._place.bucket(use),
            object_lock_enabled=use == "backups",
            force_destroy=not protect,  # otherwise one with anything in it cannot be removed
            tags=self._place.tags(use, "storage"),
            opts=ResourceOptions(parent=self, protect=protect),
        ).bucket

    def _closed(self, use: str, bucket: Output[str], key: Output[str]) -> None:
        """Encrypt it, and let nothing in it be public."""
        aws.s3.BucketServerSideEncryptionConfiguration(
            use,
            bucket=bucket,
            rules=[
                {
                    "bucket_key_enabled": True,  # a hundredth of the calls to KMS
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key,
                    },
                }
            ],
            opts=self._child,
        )
        private = aws.s3.BucketPublicAccessBlock(
            use,
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        # One after the other: S3 refuses two changes of a bucket's access at once
        aws.s3.BucketPolicy(
            use,
            bucket=bucket,
            policy=tls_only(self._place.bucket(use)),
            opts=ResourceOptions(parent=self, depends_on=[private]),
        )

    def _lifecycle(self, use: str, bucket: Output[str], versions: aws.s3.BucketVersioning) -> None:
        keep = KEEP[use]
        aws.s3.BucketLifecycleConfiguration(
            use,
            bucket=bucket,
            rules=[
                {
                    "id": "keep",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": keep.newest} if keep.newest else None,
                    "noncurrent_version_expiration": {"noncurrent_days": keep.older},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": UNFINISHED},
                }
            ],
            opts=ResourceOptions(parent=self, depends_on=[versions]),
        )

    def _lock(self, use: str, bucket: Output[str], versions: aws.s3.BucketVersioning) -> None:
        protect = self._place.cloud.protect
        aws.s3.BucketObjectLockConfiguration(
            use,
            bucket=bucket,
            rule={
                "default_retention": {
                    # A stack that may be removed must let go of its backups too
                    "mode": "COMPLIANCE" if protect else "GOVERNANCE",
                    "days": LOCKED[protect],
                }
            },
            opts=ResourceOptions(parent=self, depends_on=[versions]),
        )
