"""What is in a simulated AWS now: everything that Dash makes, and what it may forget to remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jmespath

from tests.infra.simulated.cloud import ACCOUNT, Cloud

if TYPE_CHECKING:
    from collections.abc import Mapping

# service and call, with the ids in its answer; what AWS gives every account is left out.
LISTS: Mapping[tuple[str, str], str] = {
    ("ec2", "describe_vpcs"): "Vpcs[?!IsDefault].VpcId",
    ("ec2", "describe_subnets"): "Subnets[?!DefaultForAz].SubnetId",
    ("ec2", "describe_internet_gateways"): "InternetGateways[].InternetGatewayId",
    ("ec2", "describe_addresses"): "Addresses[].AllocationId",
    ("ec2", "describe_nat_gateways"): "NatGateways[?State!='deleted'].NatGatewayId",
    ("ec2", "describe_route_tables"): "RouteTables[].RouteTableId",
    ("ec2", "describe_vpc_endpoints"): "VpcEndpoints[?State!='deleted'].VpcEndpointId",
    ("ec2", "describe_flow_logs"): "FlowLogs[].FlowLogId",
    ("ec2", "describe_network_interfaces"): "NetworkInterfaces[].NetworkInterfaceId",
    ("ec2", "describe_security_groups"): "SecurityGroups[].GroupId",
    ("ec2", "describe_security_group_rules"): "SecurityGroupRules[].SecurityGroupRuleId",
    ("ec2", "describe_instances"):
        "Reservations[].Instances[] | [?State.Name!='terminated'].InstanceId",
    ("ec2", "describe_volumes"): "Volumes[].VolumeId",
    ("ec2", "describe_key_pairs"): "KeyPairs[].KeyName",
    ("s3", "list_buckets"): "Buckets[].Name",
    ("iam", "list_roles"): "Roles[].RoleName",
    ("iam", "list_instance_profiles"): "InstanceProfiles[].InstanceProfileName",
    ("iam", "list_policies"): "Policies[].Arn",
    ("kms", "list_keys"): "Keys[].KeyId",
    ("kms", "list_aliases"): "Aliases[].AliasName",
    ("elbv2", "describe_load_balancers"): "LoadBalancers[].LoadBalancerArn",
    ("elbv2", "describe_target_groups"): "TargetGroups[].TargetGroupArn",
    ("ssm", "describe_parameters"): "Parameters[].Name",
    ("route53", "list_hosted_zones"): "HostedZones[].Id",
    ("acm", "list_certificates"): "CertificateSummaryList[].CertificateArn",
    ("logs", "describe_log_groups"): "logGroups[].logGroupName",
    ("budgets", "describe_budgets"): "Budgets[].BudgetName",
}  # fmt: skip
MORE: Mapping[tuple[str, str], dict[str, Any]] = {
    ("iam", "list_policies"): {"Scope": "Local"},
    ("budgets", "describe_budgets"): {"AccountId": ACCOUNT},
    ("ssm", "describe_parameters"): {},
}


def count(cloud: Cloud) -> dict[str, list[str]]:
    """Return the ids of what is there, by what lists them; keys on their way out do not count."""
    found = {}
    for (service, call), ids in LISTS.items():
        answer = cloud.call(service, call, MORE.get((service, call), {}))
        found[f"{service} {call}"] = sorted(str(each) for each in jmespath.search(ids, answer))
    found["kms list_keys"] = [key for key in found["kms list_keys"] if _living(cloud, key)]
    for zone in found["route53 list_hosted_zones"]:
        answer = cloud.call("route53", "list_resource_record_sets", {"HostedZoneId": zone})
        names = jmespath.search("ResourceRecordSets[].[Name, Type]", answer)
        found[f"names in {zone}"] = sorted(" ".join(pair) for pair in names)
    return found


def _living(cloud: Cloud, key: str) -> bool:
    state = cloud.call("kms", "describe_key", {"KeyId": key})["KeyMetadata"]["KeyState"]
    return state != "PendingDeletion"
