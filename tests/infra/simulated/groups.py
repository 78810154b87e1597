"""Security groups, and who they let in and out: each rule is a resource of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind
from tests.infra.simulated.network import thing

# A rule's peer: Pulumi's word, and EC2's list and the word in it.
PEERS = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}


def permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule as EC2 wants it."""
    words: dict[str, Any] = {"IpProtocol": rule["ipProtocol"]}
    if rule["ipProtocol"] != "-1":
        words |= {"FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}
    text = {"Description": rule["description"]} if rule.get("description") else {}
    peers = {listed: {name: rule[key], **text} for key, (listed, name) in PEERS.items()
             if rule.get(key)}  # fmt: skip
    return words | {listed: [peer] for listed, peer in peers.items()}


def _group(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    """Make a group without the rule that EC2 gives it, as the provider does."""
    labels = [{"ResourceType": "security-group", "Tags": inputs["tags"]}]
    words = {"GroupName": inputs["name"], "Description": inputs["description"],
             "VpcId": inputs["vpcId"], "TagSpecifications": labels}  # fmt: skip
    ident: str = cloud.run("ec2", "create_security_group", words, {}, {})["GroupId"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    cloud.call(
        "ec2", "revoke_security_group_egress", {"GroupId": ident, "IpPermissions": everything}
    )
    return ident


def _rule(way: str) -> Kind:
    def make(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
        words = {
            "GroupId": inputs["securityGroupId"],
            "IpPermissions": [permission(inputs)],
            "TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": inputs["tags"]}],
        }
        answer = cloud.run("ec2", f"authorize_security_group_{way}", words, {}, {})
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    return Kind(
        service="ec2", label="security-group-rule", make=make,
        read="describe_security_group_rules", show={"SecurityGroupRuleIds": "[id]"},
        found="SecurityGroupRules[0]", delete=f"revoke_security_group_{way}",
        remove={"GroupId": "securityGroupId", "SecurityGroupRuleIds": "[id]"},
        computed={"securityGroupRuleId": "id"},
    )  # fmt: skip


KINDS: Mapping[str, Kind] = {
    "aws:ec2/securityGroup:SecurityGroup": thing(
        "security_group", "security-group", "security_groups", "SecurityGroups", "GroupId",
        make=_group, named="name", renamed={"name": "GroupName"},
        ignored=frozenset({"revokeRulesOnDelete"}),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
}  # fmt: skip
