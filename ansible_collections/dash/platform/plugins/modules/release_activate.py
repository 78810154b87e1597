#!/usr/bin/python
"""Start a release that is on the host, with its configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_activate
short_description: Start or stop a release
description:
  - Keeps the configuration, moves the links, restarts the unit and waits until the service says
    that it is ready and is this version.
  - When it does not get ready, fails with the checks that fail and the unit's last words, secrets
    masked. Nothing is put back; that is for the caller to decide.
author: The Dash founders
options:
  version:
    description: The release; empty stops the unit and leaves the host without one.
    type: str
    required: true
  config:
    description: The configuration to keep; empty takes one that is kept already.
    type: str
    default: ""
  config_hash:
    description: SHA-256 of the configuration, all 64 digits.
    type: str
    default: ""
  address:
    description: Where the service listens.
    type: str
    default: 127.0.0.1
  timeout:
    description: Seconds until it must be ready; one that only crashes is given up sooner.
    type: float
    default: 30
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Start it
  dash.platform.release_activate:
    version: 1.0.0
    config: "DASH_APP_LOG_LEVEL=info\n"
    config_hash: "{{ 'DASH_APP_LOG_LEVEL=info\n' | hash('sha256') }}"
    address: 10.89.50.31
    fence: 7

- name: Stop whatever runs
  dash.platform.release_activate:
    version: ""
    fence: 7
"""

RETURN = r"""
previous:
  description: Version, digest and config_hash of what the host ran before, or null.
  type: dict
  returned: success
checks:
  description: What /readyz said last.
  type: dict
  returned: it did not get ready
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import (
    activation,
    errors,
    fence,
    releases,
)


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Make the release the one that runs. Raises Fault."""
    fence.check(params["fence"])
    host = releases.Host()
    previous = host.current()
    if not params["version"]:
        return {"changed": activation.stop(host), "previous": previous}
    changed = activation.start(
        host,
        params["version"],
        params["config"],
        params["config_hash"],
        address=params["address"],
        seconds=params["timeout"],
    )
    return {"changed": changed, "previous": previous}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "config": {"type": "str", "default": ""},
            "config_hash": {"type": "str", "default": ""},
            "address": {"type": "str", "default": "127.0.0.1"},
            "timeout": {"type": "float", "default": 30},
            "fence": {"type": "int", "required": True},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
