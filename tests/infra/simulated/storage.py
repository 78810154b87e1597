"""Buckets, each of whose properties is a resource of its own, and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated import fitting
from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind, Setter, State, ignore, setting


def _bucket(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words: dict[str, Any] = {"Bucket": inputs["bucket"]}
    if inputs.get("objectLockEnabled"):
        words["ObjectLockEnabledForBucket"] = True
    if cloud.region != "us-east-1":
        words["CreateBucketConfiguration"] = {"LocationConstraint": cloud.region}
    cloud.call("s3", "create_bucket", words)
    return str(inputs["bucket"])


def _tags(cloud: Cloud, state: State, value: Any) -> None:
    if value:
        cloud.run(
            "s3", "put_bucket_tagging", {"Tagging": {"TagSet": value}}, {"Bucket": "id"}, state
        )


def _empty(cloud: Cloud, state: State) -> None:
    """Remove all versions of all objects, if the program said so; otherwise S3 refuses."""
    if not state.get("forceDestroy"):
        return
    found = cloud.call("s3", "list_object_versions", {"Bucket": state["id"]})
    for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        cloud.call(
            "s3",
            "delete_object",
            {"Bucket": state["id"], "Key": one["Key"], "VersionId": one["VersionId"]},
        )


def _property(name: str, argument: str, shape: Any, *, delete: str = "", plain: str = "@") -> Kind:
    """Return the kind of a bucket's property: put whole, at birth and at every change.

    Args:
        name: of it in S3's calls.
        argument: of the call that puts it.
        shape: makes its value of the resource's arguments.
        delete: the call that takes it away, if there is one.
        plain: what shows that it is there, in the answer of the call that gets it.
    """

    def put(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
        words = {"Bucket": inputs["bucket"], argument: shape(inputs)}
        cloud.run("s3", f"put_bucket_{name}", words, {}, {})
        return str(inputs["bucket"])

    def again(cloud: Cloud, state: State, _value: Any) -> None:
        put(cloud, state)

    return Kind(
        service="s3",
        make=put,
        read=f"get_bucket_{name}",
        show={"Bucket": "id"},
        found=plain,
        delete=delete,
        remove={"Bucket": "id"} if delete else {},
        setters=_Any(again),
    )


class _Any(dict[str, Setter]):
    """Setters of a thing that is put whole: one for every argument but the bucket's name."""

    def __init__(self, setter: Setter) -> None:
        names = (
            "rules",
            "versioningConfiguration",
            "rule",
            "policy",
            "blockPublicAcls",
            "blockPublicPolicy",
            "ignorePublicAcls",
            "restrictPublicBuckets",
            "targetPrefix",
        )
        super().__init__(dict.fromkeys(names, setter))


def _encryption(inputs: Mapping[str, Any]) -> Any:
    rules = []
    for rule in inputs["rules"]:
        found = {
            "ApplyServerSideEncryptionByDefault": {
                "SSEAlgorithm": rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"],
                "KMSMasterKeyID": rule["applyServerSideEncryptionByDefault"].get("kmsMasterKeyId"),
            }
        }
        if found["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] is None:
            del found["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        rules.append({**found, "BucketKeyEnabled": bool(rule.get("bucketKeyEnabled"))})
    return {"Rules": rules}


def _lifecycle(inputs: Mapping[str, Any]) -> Any:
    """Return the rules with Pulumi's plurals in S3's singular, and a filter, which S3 wants."""
    rules = []
    for rule in inputs["rules"]:
        found = {"filter": {"prefix": ""}, **rule}
        if not found["filter"]:
            found["filter"] = {"prefix": ""}
        rules.append(found)
    return {"Rules": rules}


def _versioning(inputs: Mapping[str, Any]) -> Any:
    return {"Status": inputs["versioningConfiguration"]["status"]}


def _access(inputs: Mapping[str, Any]) -> Any:
    names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    return {name: bool(inputs.get(name)) for name in names}


def _lock(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    value = {"ObjectLockEnabled": "Enabled"}
    if inputs.get("rule"):
        value["Rule"] = inputs["rule"]
    words = {"Bucket": inputs["bucket"], "ObjectLockConfiguration": value}
    cloud.run("s3", "put_object_lock_configuration", words, {}, {})
    return str(inputs["bucket"])


def _key(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words = {k: inputs[k] for k in ("description", "policy", "tags") if k in inputs}
    ident: str = cloud.run("kms", "create_key", words, {}, {})["KeyMetadata"]["KeyId"]
    if inputs.get("enableKeyRotation"):
        cloud.call("kms", "enable_key_rotation", {"KeyId": ident})
    return ident


def _rotate(cloud: Cloud, state: State, value: Any) -> None:
    call = "enable_key_rotation" if value else "disable_key_rotation"
    cloud.call("kms", call, {"KeyId": state["id"]})


_POLICY = _property(
    "policy",
    "Policy",
    lambda inputs: fitting.whole(inputs["policy"]),
    delete="delete_bucket_policy",
)

KINDS: Mapping[str, Kind] = {
    "aws:s3/bucket:Bucket": Kind(
        service="s3", make=_bucket, read="head_bucket", show={"Bucket": "id"}, found="`true`",
        delete="delete_bucket", remove={"Bucket": "id"}, first=_empty, named="bucket",
        computed={"arn": "join('', ['arn:aws:s3:::', id])",
                  "bucketRegionalDomainName": "join('', [id, '.s3.amazonaws.com'])"},
        setters={"tags": _tags, "forceDestroy": ignore},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _property(
        "versioning", "VersioningConfiguration", _versioning, plain="Status"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration":
        _property("encryption", "ServerSideEncryptionConfiguration", _encryption,
                  delete="delete_bucket_encryption"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Kind(
        service="s3", make=lambda cloud, inputs: str(cloud.run(
            "s3", "put_public_access_block",
            {"Bucket": inputs["bucket"], "PublicAccessBlockConfiguration": _access(inputs)},
            {}, {}) is None or inputs["bucket"]),
        read="get_public_access_block", show={"Bucket": "id"},
        delete="delete_public_access_block", remove={"Bucket": "id"},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _property(
        "lifecycle_configuration", "LifecycleConfiguration", _lifecycle,
        delete="delete_bucket_lifecycle",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _POLICY,
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": Kind(
        service="s3", make=_lock, read="get_object_lock_configuration", show={"Bucket": "id"},
        ignored=frozenset({"objectLockEnabled"}),
    ),
    "aws:kms/key:Key": Kind(
        service="kms", make=_key, read="describe_key", show={"KeyId": "id"},
        found="[KeyMetadata][?KeyState!='PendingDeletion'] | [0]",
        delete="schedule_key_deletion", remove={"KeyId": "id"},
        setters={"enableKeyRotation": _rotate, "deletionWindowInDays": ignore,
                 "policy": setting("kms", "put_key_policy", "Policy", KeyId="id"),
                 "description": setting("kms", "update_key_description", "Description",
                                        KeyId="id")},
        computed={"keyId": "id"},
    ),
    "aws:kms/alias:Alias": Kind(
        service="kms", create="create_alias", ident="in.name", renamed={"name": "AliasName"},
        read="list_aliases", show={"KeyId": "targetKeyId"},
        found="Aliases[?AliasName=='<id>'] | [0]",
        delete="delete_alias", remove={"AliasName": "id"},
        computed={"arn": "thing.AliasArn"}, named="name",
    ),
}  # fmt: skip
