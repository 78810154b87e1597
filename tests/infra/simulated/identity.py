"""Who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind, State, ignore, setting


def _profile(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words = {"InstanceProfileName": inputs["name"], "Tags": inputs.get("tags")}
    cloud.run("iam", "create_instance_profile", words, {}, {})
    if inputs.get("role"):
        cloud.call(
            "iam",
            "add_role_to_instance_profile",
            {"InstanceProfileName": inputs["name"], "RoleName": inputs["role"]},
        )
    return str(inputs["name"])


def _unplug(cloud: Cloud, state: State) -> None:
    found = cloud.call("iam", "get_instance_profile", {"InstanceProfileName": state["id"]})
    for role in found["InstanceProfile"]["Roles"]:
        cloud.call(
            "iam",
            "remove_role_from_instance_profile",
            {"InstanceProfileName": state["id"], "RoleName": role["RoleName"]},
        )


def _forget_versions(cloud: Cloud, state: State) -> None:
    """Remove the versions of a policy that do not count, as AWS wants before its end."""
    words = {"PolicyArn": state["id"]}
    for version in cloud.call("iam", "list_policy_versions", words)["Versions"]:
        if not version["IsDefaultVersion"]:
            old = {**words, "VersionId": version["VersionId"]}
            cloud.call("iam", "delete_policy_version", old)


KINDS: Mapping[str, Kind] = {
    "aws:iam/role:Role": Kind(
        service="iam", create="create_role", ident="Role.RoleName",
        renamed={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        read="get_role", show={"RoleName": "id"}, found="Role", named="name",
        delete="delete_role", remove={"RoleName": "id"},
        setters={"forceDetachPolicies": ignore,
                 "assumeRolePolicy": setting("iam", "update_assume_role_policy", "PolicyDocument",
                                             RoleName="id")},
        computed={"uniqueId": "thing.RoleId"},
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        service="iam", create="put_role_policy", ident="join(':', [in.role, in.name])",
        renamed={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"},
        read="get_role_policy", show={"RoleName": "role", "PolicyName": "name"}, named="name",
        delete="delete_role_policy", remove={"RoleName": "role", "PolicyName": "name"},
        setters={"policy": setting("iam", "put_role_policy", "PolicyDocument", RoleName="role",
                                   PolicyName="name")},
    ),
    "aws:iam/policy:Policy": Kind(
        service="iam", create="create_policy", ident="Policy.Arn", named="name",
        renamed={"name": "PolicyName", "policy": "PolicyDocument"},
        read="get_policy", show={"PolicyArn": "id"}, found="Policy",
        delete="delete_policy", remove={"PolicyArn": "id"}, first=_forget_versions,
        setters={"policy": setting("iam", "create_policy_version", "PolicyDocument",
                                   PolicyArn="id", SetAsDefault="`true`")},
    ),
    "aws:iam/instanceProfile:InstanceProfile": Kind(
        service="iam", make=_profile, named="name", first=_unplug,
        read="get_instance_profile", show={"InstanceProfileName": "id"}, found="InstanceProfile",
        delete="delete_instance_profile", remove={"InstanceProfileName": "id"},
        computed={"uniqueId": "thing.InstanceProfileId"},
    ),
}  # fmt: skip
