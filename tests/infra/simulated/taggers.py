"""How each service takes tags to things that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.infra.simulated.kinds import Setter, each, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.simulated.cloud import Cloud
    from tests.infra.simulated.kinds import State


def _ec2(cloud: Cloud, state: State, value: dict[str, str] | None) -> None:
    gone = sorted(set(state.get("tags") or {}) - set(value or {}))
    if value:
        cloud.run("ec2", "create_tags", {"Tags": value}, {"Resources": "id"}, state)
    if gone:
        keys = [{"Key": key} for key in gone]
        cloud.call("ec2", "delete_tags", {"Resources": [state["id"]], "Tags": keys})


# What IAM tags, by a word of its ARN: the call's name and its argument.
IAM = {
    "role": ("role", "RoleName"),
    "policy": ("policy", "PolicyArn"),
    "instance-profile": ("instance_profile", "InstanceProfileName"),
}


def _iam(cloud: Cloud, state: State, value: dict[str, str] | None) -> None:
    call, name = IAM[state["arn"].split(":")[5].partition("/")[0]]
    each("iam", f"tag_{call}", f"untag_{call}", "TagKeys", **{name: "id"})(cloud, state, value)


def _acm(cloud: Cloud, state: State, value: dict[str, str] | None) -> None:
    """Tag a certificate; the call that takes tags away wants them whole."""
    gone = {k: v for k, v in (state.get("tags") or {}).items() if k not in (value or {})}
    for verb, tags in (("add_tags_to", value), ("remove_tags_from", gone)):
        if tags:
            cloud.run("acm", f"{verb}_certificate", {"Tags": tags}, {"CertificateArn": "id"}, state)


TAGGERS: Mapping[str, Setter] = {
    "ec2": _ec2,
    "iam": _iam,
    "acm": _acm,
    "budgets": ignore,  # moto keeps none
    "elbv2": each("elbv2", "add_tags", "remove_tags", "TagKeys", ResourceArns="[id]"),
    "kms": each("kms", "tag_resource", "untag_resource", "TagKeys", KeyId="id"),
    "logs": each("logs", "tag_log_group", "untag_log_group", "tags", logGroupName="id"),
}
