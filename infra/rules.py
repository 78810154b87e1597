"""The rules that every stack on AWS keeps. Each takes the stack and yields what breaks it.

What Pulumi does not know before the first `up` (an ARN, an id) is followed by where it comes from,
not by its value.
"""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from infra.aws.policies import unlisted
from infra.policy import UNKNOWN, Resource, View, short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOP = "dash:aws:Cloud"
OPEN = (80, 443)
OUT = (80, 443, 587, 636)  # of `infra/aws/traffic.py`, which loads pulumi-aws; a test compares them
SSH = 22
# Endpoints that have AWS's own policy: what may be done by them stands in the roles.
PLAIN_ENDPOINTS = ("ssm", "ssmmessages", "ec2messages")
# What AWS has no tags for; a test holds the list against pulumi-aws.
UNTAGGED = {
    "ec2:Route", "ec2:RouteTableAssociation", "ec2:VolumeAttachment", "lb:TargetGroupAttachment",
    "iam:RolePolicy", "kms:Alias", "route53:Record", "acm:CertificateValidation",
    "s3:BucketVersioning", "s3:BucketServerSideEncryptionConfiguration",
    "s3:BucketPublicAccessBlock", "s3:BucketPolicy", "s3:BucketLifecycleConfiguration",
    "s3:BucketObjectLockConfiguration",
}  # fmt: skip
POLICIES = {
    "iam:Role": "assumeRolePolicy", "iam:RolePolicy": "policy", "iam:Policy": "policy",
    "kms:Key": "policy", "ec2:VpcEndpoint": "policy", "s3:BucketPolicy": "policy",
}  # fmt: skip
BLOCKED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
# All that the program makes: anything else is refused until somebody has thought of its rules.
KINDS = {
    "acm:Certificate", "acm:CertificateValidation", "budgets:Budget", "cloudwatch:LogGroup",
    "dlm:LifecyclePolicy", "ebs:Volume", "ec2:Eip", "ec2:FlowLog", "ec2:Instance",
    "ec2:InternetGateway", "ec2:NatGateway", "ec2:Route", "ec2:RouteTable",
    "ec2:RouteTableAssociation", "ec2:SecurityGroup", "ec2:Subnet", "ec2:VolumeAttachment",
    "ec2:Vpc", "ec2:VpcEndpoint", "iam:InstanceProfile", "iam:Policy", "iam:Role", "iam:RolePolicy",
    "kms:Alias", "kms:Key", "lb:Listener", "lb:LoadBalancer", "lb:TargetGroup",
    "lb:TargetGroupAttachment", "route53:Record", "s3:Bucket", "s3:BucketLifecycleConfiguration",
    "s3:BucketObjectLockConfiguration", "s3:BucketPolicy", "s3:BucketPublicAccessBlock",
    "s3:BucketServerSideEncryptionConfiguration", "s3:BucketVersioning",
    "vpc:SecurityGroupEgressRule", "vpc:SecurityGroupIngressRule",
}  # fmt: skip
# What may stand for something else than a resource of its own, and so pass by a rule.
WITHIN = {
    "ec2:SecurityGroup": ("ingress", "egress"),
    "ec2:RouteTable": ("routes",),
    "iam:Role": ("managedPolicyArns", "inlinePolicies"),
    "ec2:Instance": ("ebsBlockDevices", "networkInterfaces"),
}


def parents(view: View) -> Iterator[str]:
    """Everything lies in the stack's component."""
    known = {r.urn: r for r in view.resources}
    for resource in view.resources:
        if resource.type in ("pulumi:pulumi:Stack", TOP):
            continue
        parent = known.get(resource.parent)
        if parent is None or not parent.type.startswith("dash:"):
            yield f"{resource.name} ({short(resource.type)}) has no parent among our components"


def tags(view: View) -> Iterator[str]:
    """Everything that can have tags says whose it is: inventory, budget and people go by them."""
    for resource in view.resources:
        if not resource.type.startswith("aws:") or short(resource.type) in UNTAGGED:
            continue
        found = resource.inputs.get("tags") or {}
        missing = {"Name", "dash:stack", "dash:name", "dash:role"} - set(found)
        if missing or found["dash:stack"] != view.stack:
            yield f"{resource.name} ({short(resource.type)}) lacks the stack's tags"


def encryption(view: View) -> Iterator[str]:
    """What keeps data keeps it encrypted, with a key of the stack."""
    for volume in view.of("ebs:Volume"):
        if volume.inputs.get("encrypted") is not True or not volume.inputs.get("kmsKeyId"):
            yield f"volume {volume.name} is not encrypted with the stack's key"
    for host in view.of("ec2:Instance"):
        root = host.inputs.get("rootBlockDevice") or {}
        if root.get("encrypted") is not True or not root.get("kmsKeyId"):
            yield f"the root disk of {host.name} is not encrypted with the stack's key"
    for group in view.of("cloudwatch:LogGroup"):
        if not group.inputs.get("kmsKeyId"):
            yield f"log group {group.name} is not encrypted with the stack's key"
    for bucket, sets in _buckets(view):
        rules = _set(sets, "s3:BucketServerSideEncryptionConfiguration").get("rules") or [{}]
        default = rules[0].get("applyServerSideEncryptionByDefault") or {}
        if default.get("sseAlgorithm") != "aws:kms" or not default.get("kmsMasterKeyId"):
            yield f"bucket {bucket.name} is not encrypted with the stack's key"


def keys(view: View) -> Iterator[str]:
    """Keys are renewed every year."""
    for key in view.of("kms:Key"):
        if key.inputs.get("enableKeyRotation") is not True:
            yield f"key {key.name} is never renewed"


def addresses(view: View) -> Iterator[str]:
    """The load balancer has public addresses, the ways out have, and nothing else."""
    for host in view.of("ec2:Instance"):
        if host.inputs.get("associatePublicIpAddress") is not False:
            yield f"{host.name} may get a public address"
    for subnet in view.of("ec2:Subnet"):
        if subnet.inputs.get("mapPublicIpOnLaunch") or subnet.inputs.get("ipv6CidrBlock"):
            yield f"subnet {subnet.name} gives public addresses"
    out = [urn for nat in view.of("ec2:NatGateway") for urn in nat.leads.get("allocationId", ())]
    for address in view.of("ec2:Eip"):
        held = {"instance", "networkInterface"} & set(address.inputs)
        if address.urn not in out or held:
            yield f"address {address.name} belongs to no way out"
    balancers = [b for b in view.of("lb:LoadBalancer") if b.inputs.get("internal") is not True]
    if len(balancers) > 1:
        yield f"{len(balancers)} load balancers are public: {', '.join(b.name for b in balancers)}"


def doors(view: View) -> Iterator[str]:
    """From outside, ports 80 and 443 of the load balancer can be reached, and nothing else."""
    balancer = {u for b in view.of("lb:LoadBalancer") for u in b.leads.get("securityGroups", ())}
    hosts = {u for h in view.of("ec2:Instance") for u in h.leads.get("vpcSecurityGroupIds", ())}
    for rule in view.of("vpc:SecurityGroupIngressRule"):
        if not _from_outside(rule):
            continue
        of = set(rule.leads.get("securityGroupId", ()))
        if not of or not of <= balancer - hosts or _port(rule) not in OPEN:
            yield f"{rule.name} is open to the world"


def _port(rule: Resource) -> int | None:
    """Return the port of TCP that a rule is about, None where it is about more or another."""
    port = rule.inputs.get("fromPort")
    alone = rule.inputs.get("ipProtocol") == "tcp" and port == rule.inputs.get("toPort")
    return port if alone else None


def _from_outside(rule: Resource) -> bool:
    """Tell whether a rule is about more than the network: by address, or by a list of them."""
    if rule.inputs.get("cidrIpv6") or rule.inputs.get("prefixListId"):
        return True
    cidr = str(rule.inputs.get("cidrIpv4") or "")
    return cidr == UNKNOWN or (bool(cidr) and not ip_network(cidr).is_private)


def ways_out(view: View) -> Iterator[str]:
    """What hosts may begin outside is a port at a time, and of a few."""
    for rule in view.of("vpc:SecurityGroupEgressRule"):
        if _from_outside(rule) and _port(rule) not in OUT:
            yield f"{rule.name} lets out more than tcp to one of {', '.join(map(str, OUT))}"


def order(view: View) -> Iterator[str]:
    """What is public waits for the way to the internet, without which AWS refuses to make it."""
    ways = {r.urn for r in view.of("ec2:Route") if not r.inputs.get("natGatewayId")}
    for resource in view.of("ec2:NatGateway", "ec2:Eip", "lb:LoadBalancer"):
        if resource.inputs.get("internal") is not True and not ways & set(resource.after):
            yield f"{resource.name} ({short(resource.type)}) does not wait for the internet gateway"


def placement(view: View) -> Iterator[str]:
    """Hosts lie in private subnets: those with no other way to the world than NAT."""
    public = {
        table
        for route in view.of("ec2:Route")
        if not route.inputs.get("natGatewayId")
        for table in route.leads.get("routeTableId", ())
    }
    private = {
        subnet
        for joined in view.of("ec2:RouteTableAssociation")
        if not public & set(joined.leads.get("routeTableId", ()))
        for subnet in joined.leads.get("subnetId", ())
    }
    for host in view.of("ec2:Instance"):
        where = set(host.leads.get("subnetId", ()))
        if not where or not where <= private:
            yield f"{host.name} lies in no private subnet"


def ssh(view: View) -> Iterator[str]:
    """No door for ssh: it comes through Systems Manager."""
    for rule in view.of("vpc:SecurityGroupIngressRule"):
        first, last = rule.inputs.get("fromPort", 0), rule.inputs.get("toPort", 65535)
        if rule.inputs.get("ipProtocol") == "-1" or first <= SSH <= last:
            yield f"{rule.name} lets ssh in"


def metadata(view: View) -> Iterator[str]:
    """A host's credentials are given by version 2 of the metadata service only, to itself only."""
    for host in view.of("ec2:Instance"):
        options = host.inputs.get("metadataOptions") or {}
        if options.get("httpTokens") != "required" or options.get("httpPutResponseHopLimit") != 1:
            yield f"{host.name} answers version 1 of the metadata service, or beyond itself"


def rights(view: View) -> Iterator[str]:
    """No policy allows `*` that the table in `infra/aws/policies.py` does not list."""
    for resource, text in _policies(view):
        if text == UNKNOWN:
            continue
        for wrong in unlisted(json.loads(text), short(resource.type).partition(":")[0]):
            yield f"{resource.name} ({short(resource.type)}) allows {wrong}"
    for endpoint in view.of("ec2:VpcEndpoint"):
        service = str(endpoint.inputs.get("serviceName")).rpartition(".")[2]
        if not endpoint.inputs.get("policy") and service not in PLAIN_ENDPOINTS:
            yield f"endpoint {endpoint.name} allows everything, of every account"


def unjudged(view: View) -> list[str]:
    """Return the names of the policies that are not known before the first `up`."""
    return [resource.name for resource, text in _policies(view) if text == UNKNOWN]


def _policies(view: View) -> Iterator[tuple[Resource, str]]:
    for resource in view.resources:
        key = POLICIES.get(short(resource.type))
        text = resource.inputs.get(key) if key else None
        if text:
            yield resource, text


def roles(view: View) -> Iterator[str]:
    """A host has the role of its kind and no other kind's."""
    for host in view.of("ec2:Instance"):
        kind = (host.inputs.get("tags") or {}).get("dash:role", "")
        leads = [urn.rpartition("::")[2] for urn in host.leads.get("iamInstanceProfile", ())]
        if kind not in leads:
            yield f"{host.name} has not the role of kind {kind}"


def buckets(view: View) -> Iterator[str]:
    """Buckets keep old versions, are private and refuse what comes without TLS."""
    for bucket, sets in _buckets(view):
        versions = _set(sets, "s3:BucketVersioning").get("versioningConfiguration") or {}
        if versions.get("status") != "Enabled":
            yield f"bucket {bucket.name} keeps no versions"
        private = _set(sets, "s3:BucketPublicAccessBlock")
        if not all(private.get(key) is True for key in BLOCKED):
            yield f"bucket {bucket.name} may become public"
        if "aws:SecureTransport" not in _set(sets, "s3:BucketPolicy").get("policy", ""):
            yield f"bucket {bucket.name} answers without TLS"
        if not _set(sets, "s3:BucketLifecycleConfiguration").get("rules"):
            yield f"bucket {bucket.name} grows for ever"
        if bucket.name == "backups" and not _set(sets, "s3:BucketObjectLockConfiguration"):
            yield f"bucket {bucket.name} lets backups be removed before their time"


def _buckets(view: View) -> Iterator[tuple[Resource, dict[str, Resource]]]:
    """Yield each bucket with what is set on it, by type."""
    for bucket in view.of("s3:Bucket"):
        mine = [r for r in view.resources if bucket.urn in r.leads.get("bucket", ())]
        yield bucket, {short(r.type): r for r in mine}


def _set(sets: dict[str, Resource], type_: str) -> dict[str, Any]:
    found = sets.get(type_)
    return dict(found.inputs) if found else {}


def flows(view: View) -> Iterator[str]:
    """Every network keeps a log of who talked to whom, refused or not."""
    logs = [log for log in view.of("ec2:FlowLog") if log.inputs.get("trafficType") == "ALL"]
    logged = {urn for log in logs for urn in log.leads.get("vpcId", ())}
    yield from (
        f"network {v.name} has no flow log" for v in view.of("ec2:Vpc") if v.urn not in logged
    )


# What must be said of a thing that is not to go by mistake, and what may happen where it is not.
KEPT = {
    "ec2:Instance": ("disableApiTermination", (True,), "may be terminated"),
    "lb:LoadBalancer": ("enableDeletionProtection", (True,), "may be removed"),
    "s3:Bucket": ("forceDestroy", (False, None), "may be removed with what is in it"),
}
HELD = ("ebs:Volume", "s3:Bucket", "kms:Key")  # with data, or what data cannot be read without


def protection(view: View) -> Iterator[str]:
    """Where the settings ask for it, and always in production, nothing goes by mistake."""
    if view.stack == "production" and not view.protect:
        yield "dash:protect of production is not true"
    if not view.protect:
        return
    for resource in view.of(*HELD):
        if not resource.protect:
            yield f"{resource.name} ({short(resource.type)}) is not protected by Pulumi"
    for resource in view.of(*KEPT):
        key, good, otherwise = KEPT[short(resource.type)]
        if resource.inputs.get(key) not in good:
            yield f"{resource.name} ({short(resource.type)}) {otherwise}"


def kinds(view: View) -> Iterator[str]:
    """Nothing that no rule knows, in itself or within something else."""
    for resource in view.resources:
        kind = short(resource.type)
        if resource.type.startswith("aws:") and kind not in KINDS:
            yield f"{resource.name} ({kind}) is of a kind that no rule judges"
        for key in WITHIN.get(kind, ()):
            if resource.inputs.get(key):
                yield f"{resource.name} ({kind}) has {key} that are no resources of their own"


RULES: dict[str, Callable[[View], Iterator[str]]] = {
    rule.__name__: rule
    for rule in (
        parents, tags, encryption, keys, addresses, order, placement, doors, ways_out, ssh,
        metadata, rights, roles, buckets, flows, protection, kinds,
    )
}  # fmt: skip
