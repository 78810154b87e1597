"""ssh to a host without an open port: `python -m ops.tunnel STACK REGION INSTANCE PORT`.

What ssh runs as its ProxyCommand. It has Systems Manager open a session to the instance's sshd, and
becomes session-manager-plugin, which carries the bytes. That is what the AWS CLI does too, which is
therefore not needed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import refusals
from ops import tools

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGIN = "session-manager-plugin"
DOCUMENT = "AWS-StartSSHSession"
# By this variable the plugin takes the session's token, which others see in a command line.
SESSION = "AWS_SSM_START_SESSION_RESPONSE"
ATTEMPTS = (
    6  # a play begins on all hosts at once, and Systems Manager lets few sessions a second in
)


class Refused(Exception):
    """There is no session; `str()` is one line."""


def session(client: Any, instance: str, port: str, stack: str) -> dict[str, Any]:  # noqa: ANN401 -- boto3's clients have no types
    """Have a session opened to a port of an instance; return what the plugin needs of it.

    Raises:
        Refused: Systems Manager says no, or cannot be asked.
    """
    import botocore.exceptions as botocore  # noqa: PLC0415 -- ssh waits for this program

    try:
        answer = client.start_session(
            Target=instance, DocumentName=DOCUMENT, Parameters={"portNumber": [port]}
        )
    except (botocore.BotoCoreError, botocore.ClientError) as error:
        raise Refused(refusals.line(str(error), stack)) from None
    return {name: answer[name] for name in ("SessionId", "TokenValue", "StreamUrl")}


def command(client: Any, instance: str, port: str) -> list[str]:  # noqa: ANN401 -- the same
    """Return the plugin's command line: the session, where it was opened, and for what."""
    wanted = {"Target": instance, "DocumentName": DOCUMENT, "Parameters": {"portNumber": [port]}}
    region, address = client.meta.region_name, client.meta.endpoint_url
    profile = os.environ.get("AWS_PROFILE", "")
    return [PLUGIN, SESSION, region, "StartSession", profile, json.dumps(wanted), address]


def program(path: str) -> str:
    """Return where the plugin is: on PATH, or where `./dash` put it; "" when nowhere."""
    found = shutil.which(PLUGIN, path=path)
    if found is None and (folder := tools.cached(tools.manifest()[PLUGIN])):
        found = str(folder / PLUGIN)
    return found or ""


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Become the plugin, or say in one line why not."""
    if len(argv) != 4:  # noqa: PLR2004 -- the four of the usage
        sys.stderr.write("usage: python -m ops.tunnel STACK REGION INSTANCE PORT\n")
        return 2
    stack, region, instance, port = argv
    plugin = program(environ.get("PATH", ""))
    if not plugin:
        sys.stderr.write(f"{PLUGIN} is not installed. Next: ./dash --stack {stack} doctor\n")
        return 1
    import boto3  # noqa: PLC0415 -- as above
    import botocore.exceptions as botocore  # noqa: PLC0415 -- as above
    from botocore.config import Config  # noqa: PLC0415 -- as above

    retries = Config(retries={"mode": "standard", "max_attempts": ATTEMPTS})
    try:
        client = boto3.client("ssm", region_name=region, config=retries)
        opened = session(client, instance, port, stack)
    except (Refused, botocore.BotoCoreError) as error:
        sys.stderr.write(f"{refusals.line(str(error), stack)}\n")
        return 1
    env = {**environ, SESSION: json.dumps(opened)}
    return os.execve(plugin, command(client, instance, port), env)  # noqa: S606 -- no shell: a list


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
