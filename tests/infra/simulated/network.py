"""Networks: what lies in a VPC and leads in and out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind, Setter, State, ignore, setting


def thing(
    name: str, label: str, words: str, listed: str, key: str, **more: Any
) -> Kind:
    """Return a thing of EC2: made, listed and removed by calls that are named after it.

    Args:
        name: in the calls that make and remove one (`vpc` of `create_vpc`).
        label: its type in tags.
        words: its plural, in the call that lists.
        listed: the list in that call's answer.
        key: its id there; the plural of it asks for one.
        more: what else the row has.
    """
    row: dict[str, Any] = {
        "service": "ec2", "label": label,
        "create": f"create_{name}", "ident": f"{listed.removesuffix('s')}.{key}",
        "read": f"describe_{words}", "show": {f"{key}s": "[id]"}, "found": f"{listed}[0]",
        "delete": f"delete_{name}", "remove": {key: "id"},
    }  # fmt: skip
    return Kind(**{**row, **more})


def _attribute(name: str) -> Setter:
    return setting("ec2", "modify_vpc_attribute", f"{name}.Value", VpcId="id")


def _attach(cloud: Cloud, state: State, value: Any) -> None:
    cloud.call("ec2", "attach_internet_gateway",
               {"InternetGatewayId": state["id"], "VpcId": value})  # fmt: skip


def _detach(cloud: Cloud, state: State) -> None:
    if state.get("vpcId"):
        cloud.call("ec2", "detach_internet_gateway",
                   {"InternetGatewayId": state["id"], "VpcId": state["vpcId"]})  # fmt: skip


# What a route leads to, and where: Pulumi's words for EC2's.
ROUTE = {"cidrBlock": "destinationCidrBlock", "ipv6CidrBlock": "destinationIpv6CidrBlock"}


def _routes(cloud: Cloud, state: State, value: Any) -> None:
    """Give a table the routes that stand in it."""
    for route in value:
        words = {ROUTE.get(key, key): each for key, each in route.items() if each}
        cloud.run("ec2", "create_route", words, {"routeTableId": "id"}, state)


def _route(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    cloud.run("ec2", "create_route", inputs, {}, {})
    return f"r-{inputs['routeTableId']}-{inputs['destinationCidrBlock']}"


def _default_group(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    """Take a VPC's default group in hand, as the provider does: all its rules go first."""
    query = [{"Name": "vpc-id", "Values": [inputs["vpcId"]]},
             {"Name": "group-name", "Values": ["default"]}]  # fmt: skip
    found = cloud.call("ec2", "describe_security_groups", {"Filters": query})["SecurityGroups"][0]
    ident: str = found["GroupId"]
    for call, rules in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if found[rules]:
            cloud.call("ec2", f"revoke_security_group_{call}",
                       {"GroupId": ident, "IpPermissions": found[rules]})  # fmt: skip
    cloud.run("ec2", "create_tags", {"Resources": [ident], "Tags": inputs["tags"]}, {}, {})
    return ident


_SUBNET = {
    name: setting("ec2", "modify_subnet_attribute", f"{name}.Value", SubnetId="id")
    for name in ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation")
}

KINDS: Mapping[str, Kind] = {
    "aws:ec2/vpc:Vpc": thing(
        "vpc", "vpc", "vpcs", "Vpcs", "VpcId",
        setters={name: _attribute(name) for name in ("enableDnsHostnames", "enableDnsSupport")},
    ),
    "aws:ec2/subnet:Subnet": thing(
        "subnet", "subnet", "subnets", "Subnets", "SubnetId", setters=_SUBNET
    ),
    "aws:ec2/internetGateway:InternetGateway": thing(
        "internet_gateway", "internet-gateway", "internet_gateways", "InternetGateways",
        "InternetGatewayId", setters={"vpcId": _attach}, first=_detach,
    ),
    "aws:ec2/eip:Eip": Kind(
        service="ec2", label="elastic-ip", create="allocate_address", ident="AllocationId",
        read="describe_addresses", show={"AllocationIds": "[id]"}, found="Addresses[0]",
        delete="release_address", remove={"AllocationId": "id"},
    ),
    "aws:ec2/natGateway:NatGateway": thing(
        "nat_gateway", "natgateway", "nat_gateways", "NatGateways", "NatGatewayId",
        found="NatGateways[?State!='deleted'] | [0]", ignored=frozenset({"connectivityType"}),
        computed={"publicIp": "thing.NatGatewayAddresses[0].PublicIp",
                  "privateIp": "thing.NatGatewayAddresses[0].PrivateIp"},
    ),
    "aws:ec2/routeTable:RouteTable": thing(
        "route_table", "route-table", "route_tables", "RouteTables", "RouteTableId",
        setters={"routes": _routes},
    ),
    "aws:ec2/route:Route": Kind(
        service="ec2", make=_route,
        read="describe_route_tables", show={"RouteTableIds": "[routeTableId]"},
        found="RouteTables[0].Routes[?DestinationCidrBlock=='<destinationCidrBlock>'] | [0]",
        delete="delete_route", remove={"routeTableId": "routeTableId",
                                       "destinationCidrBlock": "destinationCidrBlock"},
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Kind(
        service="ec2", create="associate_route_table", ident="AssociationId",
        read="describe_route_tables", show={"RouteTableIds": "[routeTableId]"},
        found="RouteTables[0].Associations[?RouteTableAssociationId=='<id>'] | [0]",
        delete="disassociate_route_table", remove={"AssociationId": "id"},
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Kind(
        service="ec2", label="vpc-endpoint", create="create_vpc_endpoint",
        ident="VpcEndpoint.VpcEndpointId", read="describe_vpc_endpoints",
        show={"VpcEndpointIds": "[id]"}, found="VpcEndpoints[?State!='deleted'] | [0]",
        delete="delete_vpc_endpoints", remove={"VpcEndpointIds": "[id]"},
        renamed={"policy": "PolicyDocument"},
        setters={name: setting("ec2", "modify_vpc_endpoint", name, VpcEndpointId="id")
                 for name in ("policy",)},
    ),
    "aws:ec2/flowLog:FlowLog": Kind(
        service="ec2", label="vpc-flow-log", create="create_flow_logs", ident="FlowLogIds[0]",
        given={"ResourceType": "VPC"}, read="describe_flow_logs", show={"FlowLogIds": "[id]"},
        found="FlowLogs[0]", delete="delete_flow_logs", remove={"FlowLogIds": "[id]"},
        renamed={"vpcId": "ResourceIds", "iamRoleArn": "DeliverLogsPermissionArn"},
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Kind(
        service="ec2", label="security-group", make=_default_group,
        read="describe_security_groups", show={"GroupIds": "[id]"}, found="SecurityGroups[0]",
        setters={"ingress": ignore, "egress": ignore},
    ),
}  # fmt: skip
