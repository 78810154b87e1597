#!/usr/bin/python
"""Run a release's own command line on an app host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_app
short_description: Run python -m app on an app host
description:
  - Runs as user dash in a transient unit; secrets come as credentials of the unit, never as words.
  - Reads C(/etc/dash/host.env), the configuration and then O(environment); a later one wins.
  - What takes longer than O(timeout) is ended by systemd, also when nobody waits for it any more.
author: The Dash founders
options:
  version:
    description: The release; empty takes the current one.
    type: str
    required: true
  argv:
    description: What follows python -m app.
    type: list
    required: true
    elements: str
  config:
    description: The configuration; empty takes the current one.
    type: str
    default: ""
  credentials:
    description: Files on the host by the name of the credential.
    type: dict
    default: {}
  environment:
    description: Settings that differ for this run.
    type: dict
    default: {}
  ok_codes:
    description: Exit codes that are no failure.
    type: list
    elements: int
    default: [0]
  timeout:
    description: Seconds that it may take.
    type: float
    default: 120
  fence:
    description: The operation's fencing number, when the run changes something.
    type: int
"""

EXAMPLES = r"""
- name: Say what a migration would do
  dash.platform.release_app:
    version: 1.0.0
    argv: [migrate, --plan, --json]
    credentials: {db_password: /etc/dash/credentials/db_owner_password}
    environment: {DASH_APP_DATABASE_USER: dash_owner}
"""

RETURN = r"""
document:
  description: The JSON object of the last line that it printed, empty when there is none.
  type: dict
  returned: it was run
rc:
  description: Its exit code.
  type: int
  returned: it was run
stdout:
  description: What it printed; a new API key is among it, so say no_log.
  type: str
  returned: success
stderr:
  description: What it complained of.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, transient


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Run it. Raises Fault."""
    if params["fence"] is not None:
        fence.check(params["fence"])
    done = transient.execute(
        transient.Run(
            argv=params["argv"],
            version=params["version"],
            config=params["config"],
            credentials=params["credentials"],
            environment={k: str(v) for k, v in params["environment"].items()},
            timeout=params["timeout"],
        ),
        params["ok_codes"],
    )
    return {
        "changed": params["fence"] is not None,
        "failed": False,  # Ansible fails every rc but 0 of a result that does not say so
        "rc": done.rc,
        "stdout": done.stdout,
        "stderr": done.stderr,
        "document": done.document,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "argv": {"type": "list", "elements": "str", "required": True},
            "config": {"type": "str", "default": ""},
            "credentials": {"type": "dict", "default": {}, "no_log": False},
            "environment": {"type": "dict", "default": {}},
            "ok_codes": {"type": "list", "elements": "int", "default": [0]},
            "timeout": {"type": "float", "default": 120},
            "fence": {"type": "int"},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
