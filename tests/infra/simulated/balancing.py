"""Load balancers, and the names by which people find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind, Setter, State, ignore, setting


def _flags(call: str, argument: str, names: Mapping[str, str]) -> dict[str, Setter]:
    """Return setters of what ELB keeps as a list of words."""

    def one(api: str) -> Setter:
        def run(cloud: Cloud, state: State, value: Any) -> None:
            text = str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")
            cloud.call(
                "elbv2", call, {argument: state["id"], "Attributes": [{"Key": api, "Value": text}]}
            )

        return run

    return {name: one(api) for name, api in names.items()}


_BALANCER = _flags(
    "modify_load_balancer_attributes",
    "LoadBalancerArn",
    {
        "enableDeletionProtection": "deletion_protection.enabled",
        "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    },
)
_TARGETS = _flags(
    "modify_target_group_attributes",
    "TargetGroupArn",
    {
        "deregistrationDelay": "deregistration_delay.timeout_seconds",
        "proxyProtocolV2": "proxy_protocol_v2.enabled",
        "preserveClientIp": "preserve_client_ip.enabled",
        "connectionTermination": "deregistration_delay.connection_termination.enabled",
    },
)
# A check's words: Pulumi's and ELB's.
CHECK = {
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthyThreshold": "HealthyThresholdCount",
    "unhealthyThreshold": "UnhealthyThresholdCount",
    "enabled": "HealthCheckEnabled",
}


def _balancer(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words = {
        "Name": inputs["name"],
        "Type": inputs.get("loadBalancerType", "application"),
        "Scheme": "internal" if inputs.get("internal") else "internet-facing",
        "IpAddressType": inputs.get("ipAddressType"),
        "Tags": inputs.get("tags"),
        "SecurityGroups": inputs.get("securityGroups"),
    }
    mappings = inputs.get("subnetMappings")
    subnets = inputs.get("subnets") or [each["subnetId"] for each in mappings]
    answer = cloud.run("elbv2", "create_load_balancer", {**words, "Subnets": subnets}, {}, {})
    ident = str(answer["LoadBalancers"][0]["LoadBalancerArn"])
    for name, setter in _BALANCER.items():
        if name in inputs:
            setter(cloud, {"id": ident}, inputs[name])
    return ident


def _unprotect(cloud: Cloud, state: State) -> None:
    """Refuse to remove what is protected, which moto forgets to."""
    if state.get("enableDeletionProtection"):
        raise PermissionError(
            f"OperationNotPermitted: Load balancer '{state['id']}' cannot be deleted because "
            "deletion protection is enabled"
        )
    del cloud


def _group(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    check = inputs.get("healthCheck") or {}
    words = {
        key: inputs[key]
        for key in ("name", "port", "protocol", "vpcId", "targetType", "tags")
        if key in inputs
    }
    words |= {CHECK[key]: value for key, value in check.items()}
    answer = cloud.run("elbv2", "create_target_group", words, {}, {})
    ident = str(answer["TargetGroups"][0]["TargetGroupArn"])
    for name, setter in _TARGETS.items():
        if name in inputs:
            setter(cloud, {"id": ident}, inputs[name])
    return ident


def _check(cloud: Cloud, state: State, value: Any) -> None:
    words = {CHECK[key]: each for key, each in value.items()}
    cloud.run("elbv2", "modify_target_group", words, {"TargetGroupArn": "id"}, state)


def _target(inputs: Mapping[str, Any]) -> dict[str, Any]:
    port = {"Port": int(inputs["port"])} if inputs.get("port") else {}
    return {
        "TargetGroupArn": inputs["targetGroupArn"],
        "Targets": [{"Id": inputs["targetId"], **port}],
    }


def _register(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    cloud.call("elbv2", "register_targets", _target(inputs))
    return f"{inputs['targetGroupArn']}-{inputs['targetId']}"


def _leave(cloud: Cloud, state: State) -> None:
    cloud.call("elbv2", "deregister_targets", _target(state))


def _listener(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words = {
        key: inputs[key] for key in ("loadBalancerArn", "port", "protocol", "tags") if key in inputs
    }
    if inputs.get("certificateArn"):
        words["Certificates"] = [{"CertificateArn": inputs["certificateArn"]}]
    words["DefaultActions"] = [
        {key: each[key] for key in ("type", "targetGroupArn") if key in each}
        for each in inputs["defaultActions"]
    ]
    answer = cloud.run("elbv2", "create_listener", words, {}, {})
    return str(answer["Listeners"][0]["ListenerArn"])


KINDS: Mapping[str, Kind] = {
    "aws:lb/loadBalancer:LoadBalancer": Kind(
        service="elbv2", make=_balancer, named="name", first=_unprotect,
        read="describe_load_balancers", show={"LoadBalancerArns": "[id]"}, found="LoadBalancers[0]",
        delete="delete_load_balancer", remove={"LoadBalancerArn": "id"},
        setters={**_BALANCER},
        computed={"arn": "id", "dnsName": "thing.DNSName", "zoneId": "thing.CanonicalHostedZoneId"},
    ),
    "aws:lb/targetGroup:TargetGroup": Kind(
        service="elbv2", make=_group, named="name",
        read="describe_target_groups", show={"TargetGroupArns": "[id]"}, found="TargetGroups[0]",
        delete="delete_target_group", remove={"TargetGroupArn": "id"},
        setters={**_TARGETS, "healthCheck": _check},
        computed={"arn": "id"},
    ),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": Kind(
        service="elbv2", make=_register, first=_leave,
        read="describe_target_health", show={"TargetGroupArn": "targetGroupArn"},
        found="TargetHealthDescriptions[?Target.Id=='<targetId>'] | [0]",
    ),
    "aws:lb/listener:Listener": Kind(
        service="elbv2", make=_listener,
        read="describe_listeners", show={"ListenerArns": "[id]"}, found="Listeners[0]",
        delete="delete_listener", remove={"ListenerArn": "id"},
        setters={"defaultActions": setting("elbv2", "modify_listener", "DefaultActions",
                                           ListenerArn="id"), "sslPolicy": ignore},
        computed={"arn": "id"},
    ),
}  # fmt: skip
