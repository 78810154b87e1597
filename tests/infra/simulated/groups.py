"""Security groups and who they let in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind, State
from tests.infra.simulated.network import thing

# A rule's peers: Pulumi's words, and EC2's list and the word in it.
PEERS = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
# The newer resources have one peer a rule.
SINGLE = {
    "cidrIpv4": "cidrBlocks",
    "cidrIpv6": "ipv6CidrBlocks",
    "prefixListId": "prefixListIds",
    "referencedSecurityGroupId": "securityGroups",
    "sourceSecurityGroupId": "securityGroups",
}


def permission(rule: Mapping[str, Any], ident: str) -> dict[str, Any]:
    """Return a rule as EC2 wants it; `ident` is the group's own, for a rule about itself."""
    protocol = str(rule.get("protocol", rule.get("ipProtocol", "-1")))
    words: dict[str, Any] = {"IpProtocol": "-1" if protocol == "all" else protocol}
    if words["IpProtocol"] != "-1":
        words |= {"FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}
    for key, (listed, name) in PEERS.items():
        singles = [rule[one] for one, many in SINGLE.items() if many == key and rule.get(one)]
        peers = [*(rule.get(key) or []), *singles]
        if key == "securityGroups" and rule.get("self"):
            peers.append(ident)
        text = {"Description": rule["description"]} if rule.get("description") else {}
        if peers:
            words[listed] = [{name: peer, **text} for peer in peers]
    return words


def _change(cloud: Cloud, verb: str, way: str, ident: str, rules: list[Any]) -> None:
    permissions = [permission(rule, ident) for rule in rules]
    if permissions:
        cloud.call("ec2", f"{verb}_security_group_{way}",
                   {"GroupId": ident, "IpPermissions": permissions})  # fmt: skip


def _rules(way: str) -> Any:
    """Return the setter of the rules that stand in a group."""

    def run(cloud: Cloud, state: State, value: Any) -> None:
        was = f"IpPermissions{'Egress' if way == 'egress' else ''}"
        found = cloud.call("ec2", "describe_security_groups", {"GroupIds": [state["id"]]})
        standing = found["SecurityGroups"][0][was]
        if standing:
            cloud.call("ec2", f"revoke_security_group_{way}",
                       {"GroupId": state["id"], "IpPermissions": standing})  # fmt: skip
        _change(cloud, "authorize", way, state["id"], value or [])

    return run


def _group(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    """Make a group without the rule that EC2 gives it, as the provider does."""
    tags = inputs.get("tags")
    labels = [{"ResourceType": "security-group", "Tags": tags}] if tags else None
    words = {"GroupName": inputs["name"], "Description": inputs.get("description", "by Pulumi"),
             "VpcId": inputs["vpcId"], "TagSpecifications": labels}  # fmt: skip
    ident: str = cloud.run("ec2", "create_security_group", words, {}, {})["GroupId"]
    for way in ("ingress", "egress"):
        _rules(way)(cloud, {"id": ident}, inputs.get(way))
    return ident


def _loose(way: str) -> Kind:
    """Return the kind of a rule that is a resource of its own, of the newer sort."""

    def make(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
        ident = inputs["securityGroupId"]
        words = {"GroupId": ident, "IpPermissions": [permission(inputs, ident)]}
        if inputs.get("tags"):
            words["TagSpecifications"] = [
                {"ResourceType": "security-group-rule", "Tags": inputs["tags"]}
            ]
        answer = cloud.run("ec2", f"authorize_security_group_{way}", words, {}, {})
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    return Kind(
        service="ec2", label="security-group-rule", make=make,
        read="describe_security_group_rules", show={"SecurityGroupRuleIds": "[id]"},
        found="SecurityGroupRules[0]", delete=f"revoke_security_group_{way}",
        remove={"GroupId": "securityGroupId", "SecurityGroupRuleIds": "[id]"},
        computed={"securityGroupRuleId": "id"},
    )  # fmt: skip


def _rule(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    """Make a rule of the older sort, which EC2 does not number."""
    ident = inputs["securityGroupId"]
    _change(cloud, "authorize", inputs["type"], ident, [inputs])
    peer = inputs.get("sourceSecurityGroupId") or "_".join(inputs.get("cidrBlocks") or ["self"])
    return f"sgrule-{ident}-{inputs['type']}-{inputs['protocol']}-{inputs['toPort']}-{peer}"


def _take(cloud: Cloud, state: State) -> None:
    _change(cloud, "revoke", state["type"], state["securityGroupId"], [state])


KINDS: Mapping[str, Kind] = {
    "aws:ec2/securityGroup:SecurityGroup": thing(
        "security_group", "security-group", "security_groups", "SecurityGroups", "GroupId",
        make=_group, named="name", renamed={"name": "GroupName"},
        setters={"ingress": _rules("ingress"), "egress": _rules("egress")},
        ignored=frozenset({"revokeRulesOnDelete"}),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _loose("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _loose("egress"),
    "aws:ec2/securityGroupRule:SecurityGroupRule": Kind(
        service="ec2", make=_rule, first=_take,
        read="describe_security_groups", show={"GroupIds": "[securityGroupId]"},
    ),
}  # fmt: skip
