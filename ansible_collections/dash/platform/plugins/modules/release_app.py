#!/usr/bin/python
"""Run a release's own command line on an app host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_app
short_description: Run python -m app on an app host
description:
  - Runs as user dash in a transient unit; secrets come as credentials of the unit.
  - What it means and when it runs stands in docs/architecture.md.
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
- name: Plan
  dash.platform.release_app:
    version: 1.0.0
    argv: [migrate, --plan, --json]
"""

RETURN = r"""
document:
  description: What it printed, when that is JSON.
  type: dict
  returned: success
rc:
  description: Its exit code.
  type: int
  returned: always
"""

import json
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import fence, files, service


def document(text: str) -> dict[str, Any]:
    """Return the JSON object of the last line, {} when there is none."""
    lines = [x for x in text.splitlines() if x.strip()]
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


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
    params = module.params
    try:
        if params["fence"] is not None:
            fence.check(params["fence"])
        done = service.run_app(params)
    except subprocess.TimeoutExpired:
        module.fail_json(msg=f"python -m app {params['argv'][0]} took over {params['timeout']} s")
    except (fence.Overtaken, files.CorruptFile, OSError) as error:
        module.fail_json(msg=str(error))
    if done.returncode not in params["ok_codes"]:
        lines = [x for x in (done.stdout + "\n" + done.stderr).splitlines() if x.strip()]
        module.fail_json(msg=service.readable(lines[-1]) if lines else "it failed silently",
                         rc=done.returncode, document=document(done.stdout))
    module.exit_json(changed=params["fence"] is not None, rc=done.returncode, stdout=done.stdout,
                     stderr=done.stderr, document=document(done.stdout))


if __name__ == "__main__":
    main()
