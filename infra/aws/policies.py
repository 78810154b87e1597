"""IAM policy documents, and the one table of what in them has a `*` and why.

`infra/policy.py` refuses every allowing statement with a `*` that does not stand here.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = "2012-10-17"
_OBJECTS = r"arn:aws:s3:::dash-[a-z0-9-]+-(artifacts|backups|loki)-[0-9]{12}/\*"
_SNAPSHOTS = r"arn:aws:ec2:[a-z0-9-]+::snapshot/\*"
# statement -> (every `*` in it matches this, why it has to be)
WILDCARDS: dict[str, tuple[str, str]] = {
    "OwnBuckets": (
        rf"\*|{_OBJECTS}",
        "an endpoint's policy is for whoever comes through it; what they may is in their own role",
    ),
    "Agent": (
        r"\*",
        "its channels have no ARN, and AWS's own smallest policy for it is no narrower",
    ),
    "ArtifactsObjects": (_OBJECTS, "all objects of one bucket"),
    "BackupsObjects": (_OBJECTS, "all objects of one bucket"),
    "LogsObjects": (_OBJECTS, "all objects of one bucket"),
    "FlowStreams": (
        r"arn:aws:logs:[a-z0-9-]+:[0-9]{12}:log-group:/dash/[a-z0-9-]+/flow:\*",
        "all streams of one group: AWS names them after network interfaces",
    ),
    "SnapshotSource": (
        r"arn:aws:ec2:[a-z0-9-]+:[0-9]{12}:volume/\*",
        "ids of volumes are not known before; the condition leaves those of the stack",
    ),
    "SnapshotMake": (_SNAPSHOTS, "a snapshot that is to be has no id yet"),
    "SnapshotRemove": (_SNAPSHOTS, "as with volumes: the condition leaves those of the stack"),
    "SnapshotTag": (_SNAPSHOTS, "the condition leaves tags that are given while one is made"),
    "SnapshotLook": (r"\*", "EC2's descriptions cannot be narrowed to a resource"),
    "SshHosts": (
        r"arn:aws:ec2:[a-z0-9-]+:[0-9]{12}:instance/\*",
        "hosts come and go; the condition leaves those of the stack",
    ),
    "SshOwn": (
        r"arn:aws:ssm:\*:\*:session/\$\{aws:userid\}-\*",
        "sessions are named after who began them: one's own and no others",
    ),
    "Secrets": (
        r"arn:aws:ssm:[a-z0-9-]+:[0-9]{12}:parameter/dash/[a-z]+/\*",
        "all secrets of one stack",
    ),
    "Look": (r"\*", "EC2's descriptions cannot be narrowed to a resource"),
    "Account": (
        r"\*|kms:\*",
        "in a key's policy * is this key, and without its account's owner nobody could mend it",
    ),
    "BucketsApp": (r"\*", "in a key's policy * is this key"),
    "BucketsDb": (r"\*", "in a key's policy * is this key"),
    "BucketsMonitor": (r"\*", "in a key's policy * is this key"),
    "FlowLogs": (r"\*", "in a key's policy * is this key"),
    "AgentPackage": (
        r"\*|arn:aws:s3:::amazon-ssm-[a-z0-9-]+/\*",
        "the agent's package lies in a public bucket of AWS, under a path that AWS chooses",
    ),
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


def unlisted(policy: dict[str, Any]) -> list[str]:
    """Return what a policy allows with a `*` that the table does not have, in words."""
    wrong = []
    statements = policy.get("Statement", [])
    for one in statements if isinstance(statements, list) else [statements]:
        if one.get("Effect") != "Allow":
            continue
        allowed = WILDCARDS.get(one.get("Sid", ""), ("", ""))[0]
        wrong += [
            f"{one.get('Sid', 'a statement without Sid')}: {what}"
            for what in wild(one)
            if not re.fullmatch(allowed, what)
        ]
    return wrong


def wild(one: dict[str, Any]) -> list[str]:
    """Return every action, resource and principal of a statement that has a `*` in it."""
    found: list[str] = []
    for key in ("Action", "NotAction", "Resource", "NotResource", "Principal"):
        said = one.get(key, [])
        for value in said.values() if isinstance(said, dict) else [said]:
            found += [x for x in ([value] if isinstance(value, str) else value) if "*" in x]
    return found
