"""Questions that a program asks of AWS without making anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.simulated import fitting
from tests.infra.simulated.cloud import Cloud

Answer = dict[str, Any]


def answer(cloud: Cloud, token: str, args: Mapping[str, Any]) -> Answer:
    """Answer a question. Raises KeyError: the simulation does not know it, or finds nothing."""
    if token not in FUNCTIONS:
        raise KeyError(f"the simulated AWS has no {token}: add it to tests/infra/simulated")
    return {**args, **FUNCTIONS[token](cloud, args)}


def _image(cloud: Cloud, args: Mapping[str, Any]) -> Answer:
    filters = [{"Name": each["name"], "Values": each["values"]} for each in args["filters"]]
    words = {"Owners": args["owners"], "Filters": filters}
    found = cloud.call("ec2", "describe_images", words)["Images"]
    if not found:
        raise KeyError("Your query returned no results. Please change your search criteria")
    if len(found) > 1 and not args.get("mostRecent"):
        raise KeyError("Your query returned more than one result")
    newest = max(found, key=lambda image: str(image["CreationDate"]))
    return {**fitting.outputs(newest), "id": newest["ImageId"]}


def _zone(cloud: Cloud, args: Mapping[str, Any]) -> Answer:
    wanted = args["name"].rstrip(".") + "."
    found = cloud.call("route53", "list_hosted_zones_by_name", {"DNSName": wanted})["HostedZones"]
    ours = [zone["Id"] for zone in found if zone["Name"] == wanted]
    if not ours:
        raise KeyError(f"no matching Route 53 Hosted Zone found: {wanted}")
    ident = ours[0].rpartition("/")[2]
    arn = f"arn:aws:route53:::hostedzone/{ident}"
    return {"id": ident, "zoneId": ident, "name": wanted.rstrip("."), "arn": arn}


FUNCTIONS: Mapping[str, Callable[[Cloud, Mapping[str, Any]], Answer]] = {
    "aws:ec2/getAmi:getAmi": _image,
    "aws:route53/getZone:getZone": _zone,
}
