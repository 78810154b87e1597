"""Logs, alarms, bills, names and secrets: what stands beside the hosts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tests.infra.simulated import fitting
from tests.infra.simulated.cloud import ACCOUNT, Cloud
from tests.infra.simulated.kinds import Kind, State, ignore, setting


def _validated(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    """Wait for a certificate as the real provider does; moto signs at once."""
    cloud.call("acm", "describe_certificate", {"CertificateArn": inputs["certificateArn"]})
    return str(inputs["certificateArn"])


def _record(inputs: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"Name": inputs["name"], "Type": inputs["type"]}
    if inputs.get("ttl"):
        found["TTL"] = int(inputs["ttl"])
    if inputs.get("records"):
        found["ResourceRecords"] = [{"Value": value} for value in inputs["records"]]
    for alias in inputs.get("aliases") or []:
        found["AliasTarget"] = {
            "HostedZoneId": alias["zoneId"],
            "DNSName": alias["name"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    return found


def _names(cloud: Cloud, action: str, inputs: Mapping[str, Any]) -> None:
    cloud.call(
        "route53",
        "change_resource_record_sets",
        {
            "HostedZoneId": inputs["zoneId"],
            "ChangeBatch": {"Changes": [{"Action": action, "ResourceRecordSet": _record(inputs)}]},
        },
    )


def _name(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    _names(cloud, "UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs)
    return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}"


def _unname(cloud: Cloud, state: State) -> None:
    _names(cloud, "DELETE", state)


def _rename(cloud: Cloud, state: State, _value: Any) -> None:
    _names(cloud, "UPSERT", state)


def _budget(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "BudgetName": inputs["name"],
        "BudgetType": inputs["budgetType"],
        "TimeUnit": inputs["timeUnit"],
        "BudgetLimit": {"Amount": str(inputs["limitAmount"]), "Unit": inputs["limitUnit"]},
        "CostFilters": {each["name"]: each["values"] for each in inputs.get("costFilters") or []},
    }


def _bill(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    notes = [
        {
            "Notification": {
                "NotificationType": note["notificationType"],
                "ComparisonOperator": note["comparisonOperator"],
                "Threshold": note["threshold"],
                "ThresholdType": note["thresholdType"],
            },
            "Subscribers": [
                {"SubscriptionType": "EMAIL", "Address": address}
                for address in note.get("subscriberEmailAddresses") or []
            ],
        }
        for note in inputs.get("notifications") or []
    ]
    words = {"AccountId": ACCOUNT, "Budget": _budget(inputs), "NotificationsWithSubscribers": notes}
    cloud.call("budgets", "create_budget", words)
    return f"{ACCOUNT}:{inputs['name']}"


def _snapshots(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    """Hold a schedule of snapshots against AWS' model of it: moto has no such service."""
    words = {key: inputs[key] for key in inputs}
    fitting.fit(cloud.shape("dlm", "create_lifecycle_policy"), words)
    return f"policy-{hashlib.sha256(json.dumps(words).encode()).hexdigest()[:17]}"


KINDS: Mapping[str, Kind] = {
    "aws:cloudwatch/logGroup:LogGroup": Kind(
        service="logs", create="create_log_group", ident="in.name",
        renamed={"name": "logGroupName"}, named="name",
        read="describe_log_groups", show={"logGroupNamePrefix": "id"},
        found="logGroups[?logGroupName=='<id>'] | [0]",
        delete="delete_log_group", remove={"logGroupName": "id"},
        setters={"retentionInDays": setting("logs", "put_retention_policy", "retentionInDays",
                                            logGroupName="id"), "skipDestroy": ignore},
    ),
    "aws:acm/certificate:Certificate": Kind(
        service="acm", create="request_certificate", ident="CertificateArn",
        believed=frozenset({"keyAlgorithm"}),  # moto makes RSA of all
        read="describe_certificate", show={"CertificateArn": "id"}, found="Certificate",
        delete="delete_certificate", remove={"CertificateArn": "id"},
        computed={"arn": "id", "domainValidationOptions": (
            "thing.DomainValidationOptions[].{domainName: DomainName, "
            "resourceRecordName: ResourceRecord.Name, resourceRecordType: ResourceRecord.Type, "
            "resourceRecordValue: ResourceRecord.Value}")},
    ),
    "aws:acm/certificateValidation:CertificateValidation": Kind(
        service="acm", make=_validated,
        read="describe_certificate", show={"CertificateArn": "certificateArn"},
        found="Certificate", setters={"validationRecordFqdns": ignore},
    ),
    "aws:route53/record:Record": Kind(
        service="route53", make=_name, first=_unname,
        read="list_resource_record_sets",
        show={"HostedZoneId": "zoneId", "StartRecordName": "name", "StartRecordType": "type"},
        found="ResourceRecordSets[?Type=='<type>' && (Name=='<name>' || Name=='<name>.')] | [0]",
        setters=dict.fromkeys(("records", "ttl", "aliases", "allowOverwrite"), _rename),
        computed={"fqdn": "name"}, believed=frozenset({"name"}),
    ),
    "aws:budgets/budget:Budget": Kind(
        service="budgets", make=_bill, named="name",
        read="describe_budget", show={"AccountId": f"'{ACCOUNT}'", "BudgetName": "name"},
        found="Budget", delete="delete_budget",
        remove={"AccountId": f"'{ACCOUNT}'", "BudgetName": "name"},
    ),
    "aws:dlm/lifecyclePolicy:LifecyclePolicy": Kind(
        service="dlm", make=_snapshots,
        setters=dict.fromkeys(("description", "policyDetails", "state", "tags"), ignore),
    ),
}  # fmt: skip
