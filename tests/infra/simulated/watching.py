"""Logs, alarms, bills, names and secrets: what stands beside the hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated.cloud import ACCOUNT, Cloud
from tests.infra.simulated.kinds import Kind, State, ignore, setting


def _certificate(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words = {k: v for k, v in inputs.items()
             if k in ("domainName", "validationMethod", "subjectAlternativeNames", "tags")}  # fmt: skip
    return str(cloud.run("acm", "request_certificate", words, {}, {})["CertificateArn"])


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
            "HostedZoneId": alias["zoneId"], "DNSName": alias["name"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }  # fmt: skip
    return found


def _names(cloud: Cloud, action: str, inputs: Mapping[str, Any]) -> None:
    cloud.call("route53", "change_resource_record_sets", {
        "HostedZoneId": inputs["zoneId"],
        "ChangeBatch": {"Changes": [{"Action": action, "ResourceRecordSet": _record(inputs)}]},
    })  # fmt: skip


def _name(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    _names(cloud, "UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs)
    return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}"


def _unname(cloud: Cloud, state: State) -> None:
    _names(cloud, "DELETE", state)


def _rename(cloud: Cloud, state: State, _value: Any) -> None:
    _names(cloud, "UPSERT", state)


def _budget(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"BudgetName": inputs["name"], "BudgetType": inputs["budgetType"],
            "TimeUnit": inputs["timeUnit"],
            "BudgetLimit": {"Amount": str(inputs["limitAmount"]), "Unit": inputs["limitUnit"]}}  # fmt: skip


def _bill(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    notes = [
        {
            "Notification": {
                "NotificationType": note["notificationType"],
                "ComparisonOperator": note["comparisonOperator"],
                "Threshold": note["threshold"], "ThresholdType": note["thresholdType"],
            },
            "Subscribers": [
                {"SubscriptionType": "EMAIL", "Address": address}
                for address in note.get("subscriberEmailAddresses") or []
            ],
        }
        for note in inputs.get("notifications") or []
    ]  # fmt: skip
    words = {"AccountId": ACCOUNT, "Budget": _budget(inputs),
             "NotificationsWithSubscribers": notes}  # fmt: skip
    cloud.call("budgets", "create_budget", words)
    return f"{ACCOUNT}:{inputs['name']}"


def _alarm(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words = {"AlarmName" if key == "name" else key: value for key, value in inputs.items()}
    cloud.run("cloudwatch", "put_metric_alarm", words, {}, {})
    return str(inputs["name"])


KINDS: Mapping[str, Kind] = {
    "aws:cloudwatch/logGroup:LogGroup": Kind(
        service="logs", create="create_log_group", ident="in.name",
        renamed={"name": "logGroupName"}, named="name",
        read="describe_log_groups", show={"logGroupNamePrefix": "id"}, found="logGroups[?logGroupName=='<id>'] | [0]",
        delete="delete_log_group", remove={"logGroupName": "id"},
        setters={"retentionInDays": setting("logs", "put_retention_policy", "retentionInDays",
                                            logGroupName="id"), "skipDestroy": ignore},
    ),
    "aws:acm/certificate:Certificate": Kind(
        service="acm", make=_certificate,
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
        setters={name: _rename for name in ("records", "ttl", "aliases", "allowOverwrite")},
        computed={"fqdn": "name"}, believed=frozenset({"name"}),
    ),
    "aws:budgets/budget:Budget": Kind(
        service="budgets", make=_bill, named="name",
        read="describe_budget", show={"AccountId": f"'{ACCOUNT}'", "BudgetName": "name"},
        found="Budget", delete="delete_budget",
        remove={"AccountId": f"'{ACCOUNT}'", "BudgetName": "name"},
    ),
    "aws:ssm/parameter:Parameter": Kind(
        service="ssm", create="put_parameter", ident="in.name", named="name",
        read="get_parameter", show={"Name": "id", "WithDecryption": "`true`"}, found="Parameter",
        delete="delete_parameter", remove={"Name": "id"},
    ),
    "aws:sns/topic:Topic": Kind(
        service="sns", create="create_topic", ident="TopicArn", named="name",
        read="get_topic_attributes", show={"TopicArn": "id"}, found="Attributes",
        delete="delete_topic", remove={"TopicArn": "id"}, computed={"arn": "id"},
        setters={"kmsMasterKeyId": ignore},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Kind(
        service="sns", create="subscribe", ident="SubscriptionArn",
        renamed={"topic": "TopicArn"}, given={"ReturnSubscriptionArn": True},
        read="get_subscription_attributes", show={"SubscriptionArn": "id"}, found="Attributes",
        delete="unsubscribe", remove={"SubscriptionArn": "id"},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(
        service="cloudwatch", make=_alarm, named="name",
        read="describe_alarms", show={"AlarmNames": "[id]"}, found="MetricAlarms[0]",
        delete="delete_alarms", remove={"AlarmNames": "[id]"}, computed={"arn": "thing.AlarmArn"},
    ),
}  # fmt: skip
