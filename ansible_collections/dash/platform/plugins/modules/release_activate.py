#!/usr/bin/python
"""Start a release that is on the host, with its configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_activate
short_description: Start or stop a release
description:
  - Moves the links, restarts the unit and waits until the service says that it is ready.
  - What it means and when it runs stands in docs/architecture.md.
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
    description: SHA-256 of the configuration.
    type: str
    default: ""
  address:
    description: Where the service listens.
    type: str
    default: 127.0.0.1
  timeout:
    description: Seconds until it must be ready.
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
    config_hash: 0123456789abcdef
    fence: 7
"""

RETURN = r"""
previous:
  description: What the host ran before.
  type: dict
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import (
    fence,
    files,
    releases,
    service,
)


def activate(params: dict[str, Any]) -> dict[str, Any]:
    """Make the release the one that runs. Raises ReleaseError and others."""
    fence.check(params["fence"])
    host = releases.Host()
    previous = host.current()
    if not params["version"]:
        service.stop()
        host.point_nowhere()
        return {"changed": previous is not None, "previous": previous}
    wanted = {"version": params["version"], "config_hash": params["config_hash"]}
    same = previous is not None and wanted == {k: previous[k] for k in wanted}
    if same and not service.wrong(params["address"]):
        return {"changed": False, "previous": previous}
    if params["config"]:
        host.configure(params["config"], params["config_hash"])
    host.point_to(params["version"], params["config_hash"])
    service.restart()
    service.wait_ready(params["address"], params["timeout"])
    return {"changed": True, "previous": previous}


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
    try:
        module.exit_json(**activate(module.params))
    except (releases.ReleaseError, fence.Overtaken, files.CorruptFile, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
