"""Where a stack on AWS lies and how its parts are called and tagged: the one home of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils.stack import STACKS

if TYPE_CHECKING:
    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
    from infra.aws.settings import CloudSettings

FIRST_NETWORK = 100  # 10.100 for the lab, 10.101 for staging, 10.102 for production
BUCKETS = ("artifacts", "backups", "loki")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stack and its settings, as every component of it needs them.

    Names and ARNs follow from the settings alone, so that a preview shows every policy whole,
    before the things that it names are there.
    """

    stack: Stack
    cloud: CloudSettings

    @property
    def prefix(self) -> str:
        """What names begin with that must be unique in an account or the world."""
        return self.stack.prefix

    @property
    def network(self) -> str:
        """The network in CIDR form; that of each stack is another, so that they can be joined."""
        return f"10.{FIRST_NETWORK + STACKS.index(self.stack.name)}.0.0/16"

    @property
    def secrets_path(self) -> str:
        """Where the stack's secrets lie in the Parameter Store."""
        return self.stack.secrets_path

    def alias(self, use: str) -> str:
        """Return the name of a KMS key of the stack."""
        return self.stack.key_alias(use)

    def through(self, service: str) -> dict[str, Any]:
        """Return the condition that a key is used by a service of AWS alone, in somebody's name."""
        return {"StringEquals": {"kms:ViaService": f"{service}.{self.cloud.region}.amazonaws.com"}}

    def bucket(self, use: str) -> str:
        """Return the name of a bucket: with the account in it, nobody else has it by chance."""
        return f"{self.prefix}-{use}-{self.cloud.account}"

    def role(self, kind: str) -> str:
        """Return the name of the IAM role of a kind of host or of a service."""
        return f"{self.prefix}-{kind}"

    def arn(self, service: str, what: str) -> str:
        """Return the ARN of something in the stack's account and region."""
        return f"arn:aws:{service}:{self.cloud.region}:{self.cloud.account}:{what}"

    def role_arn(self, kind: str) -> str:
        """Return the ARN of a role."""
        return f"arn:aws:iam::{self.cloud.account}:role/{self.role(kind)}"

    def tags(
        self, name: str, role: str, *, color: str = "", zone: str = "", data: str = ""
    ) -> dict[str, str]:
        """Return the tags of a part of the stack: what the inventory groups by.

        Args:
            name: as in the lab: edge-1, app-blue-1; of other parts what they are.
            role: the kind of host (edge, app, db, monitor, simulator), else what it belongs to.
            color: blue or green, of applications.
            zone: a, b or c, of what lies in one.
            data: what a volume holds.
        """
        found = {
            "Name": f"{self.prefix}-{name}",
            "dash:stack": self.stack.name,
            "dash:name": name,
            "dash:role": role,
        }
        more = {"dash:color": color, "dash:zone": zone, "dash:data": data}
        return found | {key: value for key, value in more.items() if value}
