"""IAM policy documents, and the one table of what in them has a `*` and why.

`infra/policy.py` refuses every allowing statement with a `*` that does not stand here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = "2012-10-17"
_OBJECTS = r"arn:aws:s3:::dash-[a-z0-9-]+-(artifacts|backups|loki)-[0-9]{12}/\*"
_KEYS = r"arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/\*"
_SNAPSHOTS = r"arn:aws:ec2:[a-z0-9-]+::snapshot/\*"
ALL = r"\*"
NEGATED = ("NotAction", "NotResource", "NotPrincipal")


@dataclass(frozen=True, kw_only=True)
class Wildcard:
    """What a statement with a `*` in it may say.

    Attributes:
        why: the reason for it.
        resources: each resource with a `*` matches it.
        actions: each action matches it; "" where no action has a `*` and any may stand there.
        principals: each principal with a `*` matches it.
        of: the service of the resources whose policies may hold it.
    """

    why: str
    resources: str = ""
    actions: str = ""
    principals: str = ""
    of: str = "iam"


_BUCKET = Wildcard(why="all objects of one bucket", resources=_OBJECTS)
_BOOTSTRAP_KEY = Wildcard(
    why="the bootstrap makes that key; the condition leaves the one of its name", resources=_KEYS
)
_HOSTS = Wildcard(
    why="hosts come and go; the condition leaves those of the stack",
    resources=r"arn:aws:ec2:[a-z0-9-]+:[0-9]{12}:instance/\*",
)
_LOOK = Wildcard(
    why="EC2's descriptions cannot be narrowed to a resource",
    resources=ALL,
    actions=r"ec2:Describe[A-Za-z]+",
)
_USE_OF_KEY = Wildcard(
    why="in a key's policy * is this key", resources=ALL, actions=r"kms:[A-Za-z]+", of="kms"
)
WILDCARDS: dict[str, Wildcard] = {
    "OwnBuckets": Wildcard(
        why="an endpoint's policy is for whoever comes through it; what they may is in their role",
        resources=_OBJECTS,
        principals=ALL,
        of="ec2",
    ),
    "AgentPackage": Wildcard(
        why="the agent's package lies in a public bucket of AWS, under a path that AWS chooses",
        resources=r"arn:aws:s3:::amazon-ssm-[a-z0-9-]+/\*",
        principals=ALL,
        of="ec2",
    ),
    "Agent": Wildcard(
        why="its channels have no ARN, and AWS's own smallest policy for it is no narrower",
        resources=ALL,
        actions=r"(ssm:UpdateInstanceInformation|(ssmmessages|ec2messages):[A-Za-z]+)",
    ),
    "ArtifactsObjects": _BUCKET,
    "BackupsObjects": _BUCKET,
    "LogsObjects": _BUCKET,
    "StateObjects": Wildcard(
        why="all objects of one bucket: Pulumi's state of one stack",
        resources=r"arn:aws:s3:::dash-[a-z0-9-]+-state-[0-9]{12}/\*",
    ),
    "StateKey": _BOOTSTRAP_KEY,
    "SecretsKey": _BOOTSTRAP_KEY,
    "FlowStreams": Wildcard(
        why="all streams of one group: AWS names them after network interfaces",
        resources=r"arn:aws:logs:[a-z0-9-]+:[0-9]{12}:log-group:/dash/[a-z0-9-]+/flow:\*",
    ),
    "SnapshotSource": Wildcard(
        why="ids of volumes are not known before; the condition leaves those of the stack",
        resources=r"arn:aws:ec2:[a-z0-9-]+:[0-9]{12}:volume/\*",
    ),
    "SnapshotMake": Wildcard(why="a snapshot that is to be has no id yet", resources=_SNAPSHOTS),
    "SnapshotRemove": Wildcard(
        why="as with volumes: the condition leaves those of the stack", resources=_SNAPSHOTS
    ),
    "SnapshotTag": Wildcard(
        why="as AWS's own policy for it, which says when tags are given no more closely",
        resources=_SNAPSHOTS,
    ),
    "SnapshotLook": _LOOK,
    "SshHosts": _HOSTS,
    "SshOwn": Wildcard(
        why="sessions are named after who began them: one's own and no others",
        resources=r"arn:aws:ssm:\*:\*:session/\$\{aws:userid\}-\*",
    ),
    "Secrets": Wildcard(
        why="all secrets of one stack",
        resources=r"arn:aws:ssm:[a-z0-9-]+:[0-9]{12}:parameter/dash/[a-z]+/\*",
    ),
    "Look": _LOOK,
    "Rescue": _HOSTS,
    "Account": Wildcard(
        why="as with any use of it, and without its account's owner nobody could mend a key",
        resources=ALL,
        actions=r"kms:\*",
        of="kms",
    ),
    "BucketsDb": _USE_OF_KEY,
    "BucketsMonitor": _USE_OF_KEY,
    "FlowLogs": _USE_OF_KEY,
}


def statement(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[Any],
    *,
    principal: Any = None,  # noqa: ANN401 -- "*" or a dictionary, as IAM has it
    effect: str = "Allow",
    condition: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one statement of a policy."""
    found: dict[str, Any] = {
        "Sid": sid,
        "Effect": effect,
        "Action": list(actions),
        "Resource": list(resources),
    }
    if principal is not None:
        found["Principal"] = principal
    if condition:
        found["Condition"] = condition
    return found


def document(statements: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a policy document."""
    return {"Version": VERSION, "Statement": list(statements)}


def trust(service: str, account: str = "") -> str:
    """Return the document that lets a service of AWS take a role.

    Args:
        service: such as `ec2.amazonaws.com`.
        account: for whose things alone; services that act for many accounts are told it.
    """
    one: dict[str, Any] = {
        "Sid": "Assume",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Principal": {"Service": service},
    }
    if account:
        one["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return json.dumps(document([one]))


def unlisted(policy: dict[str, Any], service: str) -> list[str]:
    """Return what a policy allows with a `*` that the table does not have, in words.

    Args:
        policy: the document.
        service: of AWS, whose resource has it: `iam`, `kms`, `ec2`, `s3`.
    """
    wrong = []
    statements = policy.get("Statement", [])
    for one in statements if isinstance(statements, list) else [statements]:
        if one.get("Effect") == "Allow":
            name = one.get("Sid", "a statement without Sid")
            wrong += [f"{name}: {what}" for what in _beyond(one, service)]
    return wrong


def _beyond(one: dict[str, Any], service: str) -> list[str]:
    """Return what an allowing statement has beyond the table."""
    all_but = [f"all but {x}" for key in NEGATED for x in _said(one, key)]
    if all_but or not wild(one):
        return all_but
    listed = WILDCARDS.get(one.get("Sid", ""))
    if listed is None or listed.of != service:
        return wild(one)
    return [
        what
        for key, allowed, every in (
            ("Action", listed.actions, bool(listed.actions)),
            ("Resource", listed.resources, False),
            ("Principal", listed.principals, False),
        )
        for what in _said(one, key)
        if (every or "*" in what) and not re.fullmatch(allowed, what)
    ]


def wild(one: dict[str, Any]) -> list[str]:
    """Return every action, resource and principal of a statement that has a `*` in it."""
    return [x for key in ("Action", "Resource", "Principal") for x in _said(one, key) if "*" in x]


def _said(one: dict[str, Any], key: str) -> list[str]:
    """Return what stands under a key of a statement, in whichever of IAM's forms, as a list."""
    said = one.get(key, [])
    found: list[str] = []
    for value in said.values() if isinstance(said, dict) else [said]:
        found += [value] if isinstance(value, str) else value
    return found
