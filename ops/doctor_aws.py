"""What a stack on AWS needs of this machine: credentials, the way to the hosts, the AWS CLI."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import refusals
from ops import state, tools, tunnel
from ops.doctor import Check, Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.session import Session

DEB = (
    "https://s3.amazonaws.com/session-manager-downloads/plugin/latest/ubuntu_64bit/"
    "session-manager-plugin.deb"
)
CLI = (  # Debian 13 has the package awscli, Ubuntu has none since 24.04
    "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
)
INSTALL = f"curl -fsSO {DEB} && sudo dpkg -i session-manager-plugin.deb"
BUILD = f".dash/venv/bin/python -m ops.tools {tunnel.PLUGIN}"
WAIT = 5  # seconds for a connection: who has no network is told so soon


def checks(session: Session) -> list[Check]:
    """Look at all three, in the order in which they are needed."""
    known = state.settings(session.names)
    return [
        credentials(session.stack, known.get("region", ""), known.get("account", "")),
        plugin(os.environ),
        cli(os.environ),
    ]


def credentials(stack: str, region: str, account: str) -> Check:
    """Ask AWS whose credentials these are; they must be of the stack's account."""
    import boto3  # noqa: PLC0415 -- takes a second, and a lab has no use for it
    import botocore.exceptions as botocore  # noqa: PLC0415 -- the same
    from botocore.config import Config  # noqa: PLC0415 -- the same

    quick = Config(connect_timeout=WAIT, read_timeout=WAIT, retries={"total_max_attempts": 2})
    try:
        client = boto3.Session().client("sts", region_name=region or None, config=quick)
        answer = client.get_caller_identity()
    except (botocore.BotoCoreError, botocore.ClientError, ValueError) as error:
        seen, _, mend = refusals.line(str(error), stack).partition(" Next: ")
        return Check("credentials", Level.BROKEN, seen.rstrip("."), mend or "aws configure sso")
    if account and answer["Account"] != account:
        seen = f"{answer['Arn']}, and dash:account of {stack} is {account}"
        return Check("credentials", Level.BROKEN, seen, "export AWS_PROFILE=<one of that account>")
    return Check("credentials", Level.OK, answer["Arn"])


def plugin(environ: Mapping[str, str]) -> Check:
    """Look for what carries ssh to hosts without an open port."""
    found = tunnel.program(environ.get("PATH", ""))
    if not found:
        mend = f"{INSTALL}; with Go: {BUILD}"
        return Check(tunnel.PLUGIN, Level.BROKEN, "not installed: no host can be reached", mend)
    version = tools.version_of([found, "--version"])
    if version is None or version not in tools.accepted(tunnel.PLUGIN):
        seen = f"{found} is {version or 'of an unknown version'}, which is too old"
        return Check(tunnel.PLUGIN, Level.BROKEN, seen, INSTALL)
    return Check(tunnel.PLUGIN, Level.OK, f"{version} at {found}")


def cli(environ: Mapping[str, str]) -> Check:
    """Look for the AWS CLI, which Dash does not need and people do."""
    if found := shutil.which("aws", path=environ.get("PATH", "")):
        return Check("aws", Level.OK, found)
    seen = "not installed: only signing in by SSO and looks by hand need it"
    return Check("aws", Level.NOTE, seen, CLI)
