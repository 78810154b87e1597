"""An artifact in the stack's bucket: brought there once, opened to hosts for a while, got back."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.plugin_utils import aws

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 900  # that an address is good for


@dataclass(frozen=True)
class Offer:
    """An artifact that hosts can fetch.

    Args:
        url: whoever has it may read the artifact, for a while.
        sha256: of the archive, as it lies there.
        brought: whether it was not there before.
    """

    url: str
    sha256: str
    brought: bool


def offer(path: Path, bucket: str, region: str) -> Offer:
    """Bring an archive into a bucket unless it is there, and open it for a quarter of an hour.

    Args:
        path: the archive; its name is its key.
        bucket: where to.
        region: of the bucket.

    Raises:
        Fault: AWS does not take it.
        OSError: the archive cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    client = _client(region)
    with aws.said(f"{bucket} does not take {path.name}"):
        there = _there(client, bucket, path, digest)
        if not there:
            # The upload is refused when what arrives is not what was sent.
            more = {"Metadata": {"sha256": digest}, "ChecksumAlgorithm": "SHA256"}
            client.upload_file(str(path), bucket, path.name, ExtraArgs=more)
        url = client.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": path.name}, ExpiresIn=SECONDS
        )
    return Offer(str(url), digest, not there)


def get(path: Path, bucket: str, region: str) -> bool:
    """Get an archive from a bucket; False when it does not lie there.

    What came is not looked at: that is for the caller, who knows what it should be.

    Args:
        path: where to; its name is its key.
        bucket: where from.
        region: of the bucket.

    Raises:
        Fault: AWS does not give it.
        OSError: the file cannot be written.
    """
    client = _client(region)
    with aws.said(f"{bucket} does not give {path.name}"):
        try:
            client.download_file(bucket, path.name, str(path))
        except client.exceptions.ClientError as error:
            if not _is_absent(error):
                raise
            return False
    return True


def _there(client: Any, bucket: str, path: Path, digest: str) -> bool:
    """Tell whether the bucket has the archive, to the byte."""
    try:
        head = client.head_object(Bucket=bucket, Key=path.name)
    except client.exceptions.ClientError as error:
        if not _is_absent(error):
            raise
        return False
    told = (head["ContentLength"], head["Metadata"].get("sha256"))
    return bool(told == (path.stat().st_size, digest))


def _is_absent(error: Any) -> bool:
    """Tell whether an error says that there is no such object."""
    return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND)


def _client(region: str) -> Any:
    """Return a client whose addresses lead to the bucket's own region, without a detour."""
    import boto3  # noqa: PLC0415 -- half a second, which a stack on podman does not spend
    from botocore.config import Config  # noqa: PLC0415 -- the same

    # A name below the endpoint's is for AWS; what stands in for it answers on an address.
    simulated = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} & os.environ.keys()
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if simulated else "virtual"},
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
    )
    with aws.said("no client of S3"):
        return boto3.client("s3", region_name=region or None, config=config)
