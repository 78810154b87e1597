"""Each rule over a stack on AWS is broken once, by the smallest change that breaks it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.policy import UNKNOWN, Resource, View, check
from infra.rules import RULES, unjudged
from tests.infra import aws_engine
from tests.infra.aws_engine import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(name="stack", scope="module")
def _stack() -> Iterator[View]:
    with aws_engine.loop():
        yield aws_engine.run("production")[0]


def one(view: View, name: str, type_: str) -> Resource:
    """Return one resource."""
    (found,) = [r for r in view.resources if r.name == name and r.type.endswith(f":{type_}")]
    return found


def without(view: View, name: str, type_: str) -> View:
    """Return the view without one resource."""
    gone = one(view, name, type_)
    return replace(view, resources=tuple(r for r in view.resources if r is not gone))


def added(view: View, resource: Resource, **values: Any) -> View:
    """Return the view with a changed copy of a resource more."""
    return replace(view, resources=(*view.resources, replace(resource, **values)))


def allowing(view: View, action: str, resource: str, sid: str = "New") -> View:
    """Return the view in which the policy of monitors allows something more."""
    return saying(view, {"Sid": sid, "Action": [action], "Resource": [resource]})


def saying(view: View, statement: dict[str, Any]) -> View:
    """Return the view in which the policy of monitors has one statement more."""
    policy = json.loads(one(view, "monitor-work", "RolePolicy").inputs["policy"])
    policy["Statement"].append({"Effect": "Allow", **statement})
    return changed(view, "monitor-work", "RolePolicy", policy=json.dumps(policy))


def late(view: View, name: str, type_: str) -> View:
    """Return the view in which a resource waits for none."""
    return added(without(view, name, type_), one(view, name, type_), after=())


def led(view: View, name: str, type_: str, **leads: tuple[str, ...]) -> View:
    """Return the view in which inputs of a resource come from elsewhere."""
    old = one(view, name, type_)
    return added(without(view, name, type_), old, leads={**old.leads, **leads})


def open_rule(view: View, **inputs: Any) -> View:
    return changed(view, "balancer-443-from-world", "SecurityGroupIngressRule", **inputs)


ROOT_DISK = {"volumeType": "gp3", "encrypted": False, "kmsKeyId": "k"}
BAD_SSE = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
BREAKS: dict[str, tuple[str, Callable[[View], View]]] = {
    "NAT at once": ("order", lambda v: late(v, "nat-a", "NatGateway")),
    "an address at once": ("order", lambda v: late(v, "nat-a", "Eip")),
    "a load balancer at once": ("order", lambda v: late(v, "balancer", "LoadBalancer")),
    "no parent": ("parents", lambda v: added(v, one(v, "vpc", "Vpc"), parent="")),
    "a parent beyond ours": (
        "parents",
        lambda v: added(v, one(v, "vpc", "Vpc"), parent=one(v, "public-a", "Subnet").urn),
    ),
    "no tags": ("tags", lambda v: changed(v, "vpc", "Vpc", tags=None)),
    "another stack's tags": (
        "tags",
        lambda v: changed(
            v, "vpc", "Vpc",
            tags={"Name": "a", "dash:stack": "staging", "dash:name": "vpc", "dash:role": "network"},
        ),
    ),
    "a plain volume": (
        "encryption", lambda v: changed(v, "db-1-postgres", "Volume", encrypted=None)
    ),
    "AWS's key": ("encryption", lambda v: changed(v, "db-1-postgres", "Volume", kmsKeyId=None)),
    "a plain root": (
        "encryption", lambda v: changed(v, "edge-1", "Instance", rootBlockDevice=ROOT_DISK)
    ),
    "a volume within": (
        "kinds", lambda v: changed(v, "edge-1", "Instance", ebsBlockDevices=[{"a": 1}])
    ),
    "a plain log": ("encryption", lambda v: changed(v, "flow-logs", "LogGroup", kmsKeyId=None)),
    "a bucket with S3's key": (
        "encryption",
        lambda v: changed(v, "loki", "BucketServerSideEncryptionConfiguration", rules=BAD_SSE),
    ),
    "a bucket without encryption": (
        "encryption", lambda v: without(v, "loki", "BucketServerSideEncryptionConfiguration")
    ),
    "an old key": ("keys", lambda v: changed(v, "disks", "Key", enableKeyRotation=False)),
    "a host in public": (
        "addresses", lambda v: changed(v, "db-1", "Instance", associatePublicIpAddress=True)
    ),
    "a host that may be": (
        "addresses", lambda v: changed(v, "db-1", "Instance", associatePublicIpAddress=None)
    ),
    "a giving subnet": (
        "addresses", lambda v: changed(v, "private-a", "Subnet", mapPublicIpOnLaunch=True)
    ),
    "a loose address": (
        "addresses", lambda v: added(v, one(v, "nat-a", "Eip"), urn="urn:x", name="more")
    ),
    "a host's address": ("addresses", lambda v: changed(v, "nat-a", "Eip", instance="i-1")),
    "two ways in": (
        "addresses", lambda v: added(v, one(v, "balancer", "LoadBalancer"), name="more")
    ),
    "another port": ("doors", lambda v: open_rule(v, fromPort=8444, toPort=8444)),
    "all ports": ("doors", lambda v: open_rule(v, fromPort=80, toPort=443)),
    "another protocol": ("doors", lambda v: open_rule(v, ipProtocol="udp")),
    "half the world": (
        "doors",
        lambda v: changed(
            v, "db-5432-from-app", "SecurityGroupIngressRule", cidrIpv4="128.0.0.0/1"
        ),
    ),
    "the world in IPv6": (
        "doors",
        lambda v: changed(v, "db-5432-from-app", "SecurityGroupIngressRule", cidrIpv6="::/0"),
    ),
    "a host behind the balancer's door": (
        "doors",
        lambda v: led(
            v, "balancer-443-from-world", "SecurityGroupIngressRule",
            securityGroupId=(one(v, "db", "SecurityGroup").urn,),
        ),
    ),
    "the balancer's group on a host": (
        "doors",
        lambda v: led(
            v, "db-1", "Instance", vpcSecurityGroupIds=(one(v, "balancer", "SecurityGroup").urn,)
        ),
    ),
    "any port out": (
        "ways_out",
        lambda v: changed(v, "db-out-443", "SecurityGroupEgressRule", toPort=65535),
    ),
    "another port out": (
        "ways_out",
        lambda v: changed(v, "db-out-443", "SecurityGroupEgressRule", fromPort=22, toPort=22),
    ),
    "any protocol out": (
        "ways_out", lambda v: changed(v, "db-out-443", "SecurityGroupEgressRule", ipProtocol="-1")
    ),
    "out by IPv6": (
        "ways_out",
        lambda v: changed(v, "db-to-network", "SecurityGroupEgressRule", cidrIpv6="::/0"),
    ),
    "a host beside the balancer": (
        "placement",
        lambda v: led(v, "db-1", "Instance", subnetId=(one(v, "public-a", "Subnet").urn,)),
    ),
    "a host anywhere": ("placement", lambda v: led(v, "db-1", "Instance", subnetId=())),
    "a private subnet with a way in": (
        "placement",
        lambda v: changed(v, "private-a-out", "Route", natGatewayId=None, gatewayId="igw-1"),
    ),
    "a subnet with AWS's own routes": (
        "placement", lambda v: without(v, "private-a", "RouteTableAssociation")
    ),
    "rules within a group": (
        "kinds", lambda v: changed(v, "db", "SecurityGroup", ingress=[{"fromPort": 1}])
    ),
    "ssh": (
        "ssh",
        lambda v: changed(
            v, "db-5432-from-app", "SecurityGroupIngressRule", fromPort=22, toPort=22
        ),
    ),
    "everything": (
        "ssh", lambda v: changed(v, "db-5432-from-app", "SecurityGroupIngressRule", ipProtocol="-1")
    ),
    "version 1": (
        "metadata",
        lambda v: changed(v, "db-1", "Instance", metadataOptions={"httpTokens": "optional"}),
    ),
    "beyond the host": (
        "metadata",
        lambda v: changed(
            v, "db-1", "Instance",
            metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 2},
        ),
    ),
    "all actions": ("rights", lambda v: allowing(v, "s3:*", "arn:aws:s3:::a")),
    "all resources": ("rights", lambda v: allowing(v, "s3:GetObject", "*")),
    "a listed name for another thing": (
        "rights", lambda v: allowing(v, "s3:GetObject", "*", "ArtifactsObjects")
    ),
    "objects of others": (
        "rights", lambda v: allowing(v, "s3:GetObject", "arn:aws:s3:::a/*", "ArtifactsObjects")
    ),
    "everything by a name that may have all resources": (
        "rights", lambda v: allowing(v, "*", "*", "Agent")
    ),
    "another action by that name": (
        "rights", lambda v: allowing(v, "iam:PassRole", "*", "Agent")
    ),
    "another thing by the name of a look": (
        "rights", lambda v: allowing(v, "ec2:TerminateInstances", "*", "Look")
    ),
    "a key's words in a role": ("rights", lambda v: allowing(v, "kms:*", "*", "Account")),
    "an endpoint's words in a role": (
        "rights",
        lambda v: allowing(v, "s3:GetObject", "arn:aws:s3:::amazon-ssm-x/*", "AgentPackage"),
    ),
    "all actions but one": (
        "rights",
        lambda v: saying(v, {"NotAction": ["iam:CreateUser"], "Resource": ["arn:aws:s3:::a"]}),
    ),
    "all resources but one": (
        "rights",
        lambda v: saying(v, {"Action": ["s3:GetObject"], "NotResource": "arn:aws:s3:::a"}),
    ),
    "anybody in a key's policy": (
        "rights",
        lambda v: changed(
            v, "storage", "Key",
            policy=json.dumps({"Statement": [{
                "Sid": "Account", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
                "Principal": {"AWS": "*"}}]}),
        ),
    ),
    "an endpoint for every bucket": (
        "rights", lambda v: changed(v, "s3", "VpcEndpoint", policy=None)
    ),
    "anybody's role": (
        "rights",
        lambda v: changed(
            v, "app", "Role",
            assumeRolePolicy=json.dumps({"Statement": {
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}}),
        ),
    ),
    "policies within a role": (
        "kinds", lambda v: changed(v, "app", "Role", managedPolicyArns=["arn:aws:iam"])
    ),
    "another kind's role": (
        "roles",
        lambda v: led(
            v, "edge-1", "Instance", iamInstanceProfile=(one(v, "db", "InstanceProfile").urn,)
        ),
    ),
    "no versions": (
        "buckets",
        lambda v: changed(
            v, "loki", "BucketVersioning", versioningConfiguration={"status": "Suspended"}
        ),
    ),
    "a public bucket": (
        "buckets", lambda v: changed(v, "loki", "BucketPublicAccessBlock", blockPublicAcls=False)
    ),
    "no TLS": ("buckets", lambda v: without(v, "loki", "BucketPolicy")),
    "no end": ("buckets", lambda v: without(v, "loki", "BucketLifecycleConfiguration")),
    "no lock": ("buckets", lambda v: without(v, "backups", "BucketObjectLockConfiguration")),
    "no flow log": ("flows", lambda v: without(v, "flow-logs", "FlowLog")),
    "half a flow log": (
        "flows", lambda v: changed(v, "flow-logs", "FlowLog", trafficType="REJECT")
    ),
    "production without protection": ("protection", lambda v: replace(v, protect=False)),
    "a volume without": (
        "protection",
        lambda v: added(
            without(v, "db-1-postgres", "Volume"), one(v, "db-1-postgres", "Volume"), protect=False
        ),
    ),
    "a host without": (
        "protection", lambda v: changed(v, "db-1", "Instance", disableApiTermination=False)
    ),
    "a balancer without": (
        "protection",
        lambda v: changed(v, "balancer", "LoadBalancer", enableDeletionProtection=None),
    ),
    "a bucket without": (
        "protection", lambda v: changed(v, "backups", "Bucket", forceDestroy=True)
    ),
    "AWS's own policy": (
        "kinds",
        lambda v: added(
            v, one(v, "monitor-work", "RolePolicy"),
            type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        ),
    ),
    "another service's balancer": (
        "kinds",
        lambda v: added(
            v, one(v, "balancer", "LoadBalancer"), type="aws:alb/loadBalancer:LoadBalancer"
        ),
    ),
    "a second network card": (
        "kinds", lambda v: changed(v, "db-1", "Instance", networkInterfaces=[{"a": 1}])
    ),
    "routes within a table": (
        "kinds", lambda v: changed(v, "private-a", "RouteTable", routes=[{"a": 1}])
    ),
}  # fmt: skip


def test_the_stack_that_is_broken_here_keeps_all_rules(stack: View) -> None:
    assert check(stack) == []


@pytest.mark.parametrize("case", BREAKS)
def test_a_broken_resource_is_found_by_its_rule(stack: View, case: str) -> None:
    rule, damage = BREAKS[case]

    assert rule in {name for name, _ in check(damage(stack))}


def test_every_rule_is_broken_here() -> None:
    assert {rule for rule, _ in BREAKS.values()} == set(RULES)


def test_a_policy_that_is_not_known_yet_is_counted_and_not_passed_over(stack: View) -> None:
    view = changed(stack, "monitor-work", "RolePolicy", policy=UNKNOWN)

    assert check(view) == []
    assert unjudged(view) == ["monitor-work"]


def test_staging_may_be_removed(stack: View) -> None:
    view = replace(stack, stack="staging", protect=False)

    assert {name for name, _ in check(view)} == {"tags"}, "which are still production's"
