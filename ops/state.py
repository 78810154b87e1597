"""Where Pulumi keeps what it knows of a stack: a folder of this machine, or a bucket of the team's.

The setting `dash:state` names the bucket. `./dash infra bootstrap` makes it and writes the setting;
until then, and for stacks on podman, the state lies in the stack's directory. In a bucket Pulumi
itself locks a stack while it changes one.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from ops.console import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack

# That of the empty passphrase: a rehearsal on podman must not ask a key in the cloud
SALT = "encryptionsalt: v1:UhwDTpyNwKo=:v1:PBf/IoUXka9KeJWx:VWr7Pwvadw9wPeIW8BRLOlZfWFqiGg==\n"
OF_A_CLOUD = re.compile(r"^(secretsprovider|encryptedkey|encryptionsalt):.*\n?", re.MULTILINE)


def file(stack: Stack) -> Path:
    """Return the stack's file of settings."""
    return stack.root / "infra" / "stacks" / f"Pulumi.{stack.name}.yaml"


def settings(stack: Stack) -> dict[str, str]:
    """Return the stack's settings without their namespace, what the command line said included.

    Raises:
        UserError: they cannot be read.
    """
    path, kept = file(stack), stack.directory / "overrides.json"
    try:
        found: Any = yaml.safe_load(path.read_text("utf-8"))["config"] if path.exists() else {}
        said: Any = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
        both = {**found, **said}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        raise UserError(f"{path} or {kept} cannot be read: mend it") from None
    return {key.removeprefix("dash:"): str(value) for key, value in both.items()}


def shared(stack: Stack) -> str:
    """Return the URL of the bucket that holds the stack's state; "" when it lies here."""
    found = settings(stack)
    return found.get("state", "") if found.get("provider") == "aws" else ""


def required(stack: Stack) -> None:
    """See that others find a stack in a cloud, before anything of it is made.

    Raises:
        UserError: it would be known to this machine alone.
    """
    if settings(stack).get("provider") == "aws" and not shared(stack):
        raise UserError(
            f"{file(stack).name} has no dash:state, so this machine alone would know what there "
            f"is. Next: ./dash --stack {stack.name} infra bootstrap"
        )


def url(stack: Stack) -> str:
    """Return Pulumi's backend of the stack."""
    return shared(stack) or f"file://{stack.directory / 'pulumi'}"


def alias(stack: Stack) -> str:
    """Return the name of the KMS key of what outlives the stack: its state and its secrets."""
    return stack.key_alias("state")


def creation(stack: Stack) -> list[str]:
    """Return Pulumi's option for what it keeps secrets with, where the file does not say it."""
    if where := shared(stack):
        region = where.rpartition("region=")[2]
        return ["--secrets-provider", f"awskms://{alias(stack)}?region={region}"]
    return ["--secrets-provider", "passphrase"] if configuration(stack) else []


def configuration(stack: Stack) -> list[str]:
    """Return Pulumi's option for the file of settings, where it is not the stack's own.

    That of a stack whose state is in the cloud names a key there, which a rehearsal cannot use.
    """
    text = file(stack).read_text("utf-8") if file(stack).exists() else ""
    if shared(stack) or "\nsecretsprovider:" not in text:
        return []
    here = stack.directory / "pulumi" / f"Pulumi.{stack.name}.yaml"
    here.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    here.write_text(OF_A_CLOUD.sub("", text).rstrip("\n") + "\n" + SALT, "utf-8")
    return ["--config-file", str(here)]


def remember(stack: Stack, where: str) -> bool:
    """Write the state's URL into the stack's settings; False when it was there."""
    text = file(stack).read_text("utf-8")
    line = f"  dash:state: {where}\n"
    if line in text:
        return False
    text = re.sub(r"^  dash:state:.*\n", "", text, flags=re.MULTILINE)
    new, changed = re.subn(r"^(  dash:account:.*\n)", rf"\1{line}", text, flags=re.MULTILINE)
    if not changed:
        raise UserError(f"{file(stack)} has no dash:account: it is not of a stack on AWS")
    file(stack).write_text(new, "utf-8")
    return True
