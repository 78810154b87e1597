"""Questions that a program asks of AWS without making anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.simulated import fitting
from tests.infra.simulated.cloud import ACCOUNT, Cloud

Answer = dict[str, Any]


def answer(cloud: Cloud, token: str, args: Mapping[str, Any]) -> Answer:
    """Answer a question. Raises KeyError: the simulation does not know it, or finds nothing."""
    if token not in FUNCTIONS:
        raise KeyError(f"the simulated AWS has no {token}: add it to tests/infra/simulated")
    return {**args, **FUNCTIONS[token](cloud, args)}


def _filters(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"Name": f["name"], "Values": f["values"]} for f in args.get("filters") or []]


def _ami(cloud: Cloud, args: Mapping[str, Any]) -> Answer:
    words = {"Owners": args.get("owners") or [], "Filters": _filters(args)}
    found = cloud.call("ec2", "describe_images", words)["Images"]
    if not found:
        raise KeyError("Your query returned no results. Please change your search criteria")
    if len(found) > 1 and not args.get("mostRecent"):
        raise KeyError("Your query returned more than one result")
    newest = max(found, key=lambda image: str(image.get("CreationDate", "")))
    return {**fitting.outputs(newest), "id": newest["ImageId"]}


def _zones(cloud: Cloud, args: Mapping[str, Any]) -> Answer:
    words = {"Filters": [f for f in _filters(args) if f["Name"] != "opt-in-status"]}
    found = cloud.call("ec2", "describe_availability_zones", words)["AvailabilityZones"]
    zones = [zone for zone in found if args.get("state") in (None, zone["State"])]
    return {"id": cloud.region, "names": [zone["ZoneName"] for zone in zones],
            "zoneIds": [zone["ZoneId"] for zone in zones], "groupNames": [cloud.region]}  # fmt: skip


def _caller(cloud: Cloud, _args: Mapping[str, Any]) -> Answer:
    found = fitting.outputs(cloud.call("sts", "get_caller_identity", {}))
    return {"id": ACCOUNT, "accountId": found["account"], **found}


def _region(cloud: Cloud, _args: Mapping[str, Any]) -> Answer:
    return {"id": cloud.region, "name": cloud.region, "region": cloud.region,
            "description": cloud.region, "endpoint": f"ec2.{cloud.region}.amazonaws.com"}  # fmt: skip


def _partition(_cloud: Cloud, _args: Mapping[str, Any]) -> Answer:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com",
            "reverseDnsPrefix": "com.amazonaws"}  # fmt: skip


def _zone(cloud: Cloud, args: Mapping[str, Any]) -> Answer:
    wanted = args["name"].rstrip(".") + "."
    found = cloud.call("route53", "list_hosted_zones_by_name", {"DNSName": wanted})["HostedZones"]
    ours = [z for z in found if z["Name"] == wanted]
    if not ours:
        raise KeyError(f"no matching Route 53 Hosted Zone found: {wanted}")
    ident = ours[0]["Id"].rpartition("/")[2]
    return {"id": ident, "zoneId": ident, "name": wanted.rstrip("."),
            "arn": f"arn:aws:route53:::hostedzone/{ident}"}  # fmt: skip


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": given.get("effect", "Allow")}
    for key in ("sid", "actions", "notActions", "resources", "notResources"):
        if given.get(key):
            name = key[0].upper() + key[1:]
            value = given[key]
            found[name.removesuffix("s") if key != "sid" else name] = (
                value[0] if isinstance(value, list) and len(value) == 1 else value
            )
    for principal in given.get("principals") or []:
        known = found.setdefault("Principal", {})
        names = principal["identifiers"]
        known[principal["type"]] = names[0] if len(names) == 1 else names
    for condition in given.get("conditions") or []:
        tests = found.setdefault("Condition", {}).setdefault(condition["test"], {})
        values = condition["values"]
        tests[condition["variable"]] = values[0] if len(values) == 1 else values
    return found


def _document(_cloud: Cloud, args: Mapping[str, Any]) -> Answer:
    statements = [_statement(each) for each in args.get("statements") or []]
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
    return {"id": str(abs(hash(text))), "json": text, "minifiedJson": json.dumps(json.loads(text))}


def _prefixes(cloud: Cloud, args: Mapping[str, Any]) -> Answer:
    words = {"Filters": [{"Name": "prefix-list-name", "Values": [args["name"]]}]}
    found = cloud.call("ec2", "describe_managed_prefix_lists", words)["PrefixLists"]
    return {"id": found[0]["PrefixListId"], **fitting.outputs(found[0])}


FUNCTIONS: Mapping[str, Callable[[Cloud, Mapping[str, Any]], Answer]] = {
    "aws:ec2/getAmi:getAmi": _ami,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefixes,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:iam/getPolicyDocument:getPolicyDocument": _document,
    "aws:route53/getZone:getZone": _zone,
}
