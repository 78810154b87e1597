"""Networks: what lies in a VPC and leads in and out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jmespath

from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind, Setter, State, setting


def thing(name: str, label: str, words: str, listed: str, key: str, **more: Any) -> Kind:
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
        "service": "ec2",
        "label": label,
        "create": f"create_{name}",
        "ident": f"{listed.removesuffix('s')}.{key}",
        "read": f"describe_{words}",
        "show": {f"{key}s": "[id]"},
        "found": f"{listed}[0]",
        "delete": f"delete_{name}",
        "remove": {key: "id"},
    }
    return Kind(**{**row, **more})


def _attribute(name: str) -> Setter:
    return setting("ec2", "modify_vpc_attribute", f"{name}.Value", VpcId="id")


def _attach(cloud: Cloud, state: State, value: Any) -> None:
    cloud.call("ec2", "attach_internet_gateway", {"InternetGatewayId": state["id"], "VpcId": value})


def _detach(cloud: Cloud, state: State) -> None:
    if state.get("vpcId"):
        cloud.call(
            "ec2",
            "detach_internet_gateway",
            {"InternetGatewayId": state["id"], "VpcId": state["vpcId"]},
        )


def _unplug(call: str, key: str, path: str) -> Callable[[Cloud, State], None]:
    """Return what removes a thing's interfaces: AWS does it by itself, moto forgets.

    Args:
        call: the call that shows the thing.
        key: its argument for the id.
        path: to the interfaces' ids in the answer.
    """

    def run(cloud: Cloud, state: State) -> None:
        found = cloud.call("ec2", call, {key: [state["id"]]})
        for ident in jmespath.search(path, found) or []:
            cloud.call("ec2", "delete_network_interface", {"NetworkInterfaceId": ident})

    return run


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
        found="NatGateways[?State!='deleted'] | [0]",
        computed={"publicIp": "thing.NatGatewayAddresses[0].PublicIp",
                  "privateIp": "thing.NatGatewayAddresses[0].PrivateIp"},
        first=_unplug("describe_nat_gateways", "NatGatewayIds",
                      "NatGateways[].NatGatewayAddresses[].NetworkInterfaceId"),
    ),
    "aws:ec2/routeTable:RouteTable": thing(
        "route_table", "route-table", "route_tables", "RouteTables", "RouteTableId",
    ),
    "aws:ec2/route:Route": Kind(
        service="ec2", create="create_route",
        ident="join('-', ['r', in.routeTableId, in.destinationCidrBlock])",
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
        first=_unplug("describe_vpc_endpoints", "VpcEndpointIds",
                      "VpcEndpoints[].NetworkInterfaceIds[]"),
        renamed={"policy": "PolicyDocument"},
        setters={"policy": setting("ec2", "modify_vpc_endpoint", "PolicyDocument",
                                   VpcEndpointId="id")},
    ),
    "aws:ec2/flowLog:FlowLog": Kind(
        service="ec2", label="vpc-flow-log", create="create_flow_logs", ident="FlowLogIds[0]",
        given={"ResourceType": "VPC"}, read="describe_flow_logs", show={"FlowLogIds": "[id]"},
        found="FlowLogs[0]", delete="delete_flow_logs", remove={"FlowLogIds": "[id]"},
        renamed={"vpcId": "ResourceIds", "iamRoleArn": "DeliverLogsPermissionArn"},
    ),
}  # fmt: skip
