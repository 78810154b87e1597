"""What watches the stack from outside: who talked to whom, and what it costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from infra.aws.keys import flow_log
from infra.aws.policies import document, statement, trust

if TYPE_CHECKING:
    from infra.aws.place import Place

FLOW_DAYS = 30
TOLD = (("ACTUAL", 80), ("FORECASTED", 100))  # kind of cost, percent of the budget


class FlowLogs(ComponentResource):
    """Every connection in the network, for a month."""

    def __init__(
        self, place: Place, vpc_id: Output[str], key: Output[str], opts: ResourceOptions
    ) -> None:
        super().__init__("dash:aws:FlowLogs", "flow-logs", {}, opts)
        self._place, self._child = place, ResourceOptions(parent=self)
        self._tags = place.tags("flow-logs", "network")
        group = aws.cloudwatch.LogGroup(
            "flow-logs",
            name=flow_log(place),
            retention_in_days=FLOW_DAYS,
            kms_key_id=key,
            tags=self._tags,
            opts=self._child,
        )
        role, policy = self._role()
        aws.ec2.FlowLog(
            "flow-logs",
            vpc_id=vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=600,  # seconds; a tenth of the lines that one minute makes
            tags=self._tags,
            opts=ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({"group": group.name})

    def _role(self) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """Return the role in which AWS writes them, and what it may."""
        place = self._place
        role = aws.iam.Role(
            "flow-logs",
            name=place.role("flow-logs"),
            description=f"Flow logs of Dash's stack {place.stack.name}",
            assume_role_policy=trust("vpc-flow-logs.amazonaws.com", place.cloud.account),
            tags=self._tags,
            opts=self._child,
        )
        writes = statement(
            "FlowStreams",
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups",
             "logs:DescribeLogStreams"],
            [place.arn("logs", f"log-group:{flow_log(place)}:*")],
        )  # fmt: skip
        policy = aws.iam.RolePolicy(
            "flow-logs", role=role.name, policy=json.dumps(document([writes])), opts=self._child
        )
        return role, policy


class Budget(ComponentResource):
    """A limit a month: nothing stops at it, but somebody is told."""

    def __init__(self, place: Place, opts: ResourceOptions) -> None:
        super().__init__("dash:aws:Budget", "budget", {}, opts)
        aws.budgets.Budget(
            "budget",
            name=place.prefix,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(place.cloud.budget_usd),
            limit_unit="USD",
            # Counts once `dash:stack` is a cost allocation tag of the account
            cost_filters=[
                {"name": "TagKeyValue", "values": [f"user:dash:stack${place.stack.name}"]}
            ],
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_email_addresses": [place.cloud.alarm_email],
                }
                for kind, percent in TOLD
            ],
            tags=place.tags("budget", "budget"),
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"limit": place.cloud.budget_usd})
