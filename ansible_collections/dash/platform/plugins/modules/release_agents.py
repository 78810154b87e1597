#!/usr/bin/python
"""Tell the agents of a release to connect again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_agents
short_description: Send agents to where the traffic went
description:
  - Sends SIGUSR1 to the service, which closes its WebSockets with 1012 over some seconds, with word
    of when to connect again, and goes on serving.
  - Does nothing when no release runs, or one that does not expect the signal. That is for the
    running process to say - it is asked which signals it catches.
author: The Dash founders
options:
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
"""

EXAMPLES = r"""
- name: Send agents to the new colour
  dash.platform.release_agents:
    fence: 7
"""

RETURN = r"""
told:
  description: Whether a release was told.
  type: bool
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, service


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Tell it. Raises Fault."""
    if params["fence"] is not None:
        fence.check(params["fence"])
    told = service.tell_agents()
    return {"changed": told, "told": told}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"fence": {"type": "int"}})
    errors.answer(module, run)


if __name__ == "__main__":
    main()
