#!/usr/bin/python
"""Watch what the clients of an edge get from the new colour."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_watch
short_description: Watch an edge after a switch
description:
  - Goes back by itself when the new colour answers with errors or has no server left.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  color:
    description: The new colour.
    type: str
    required: true
  id:
    description: The operation's id.
    type: str
    required: true
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
  seconds:
    description: How long to watch.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Watch for a minute
  dash.platform.edge_watch:
    color: green
    id: 0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10
    fence: 7
    seconds: 60
"""

RETURN = r"""
judged:
  description: Verdict, n, failures and why.
  type: dict
  returned: always
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import (
    fence,
    files,
    haproxy,
    operation,
    switch,
    verdict,
)

DEAD = 2.0  # seconds without a server that is up


def watch(edge: switch.Edge, color: str, seconds: float) -> dict[str, Any]:
    """Look once a second; return the verdict as soon as it is bad, or at the end."""
    name = f"app_{color}"
    base = edge.runtime.backend(name)
    end = time.monotonic() + seconds
    last_up = time.monotonic()
    judged: dict[str, Any] = {}
    while time.monotonic() < end:
        time.sleep(1.0)
        seen = edge.runtime.backend(name)
        if seen.requests < base.requests:
            base = haproxy.Backend(0, 0, 0, 0, 0)  # HAProxy was reloaded: it counts from nought
        n, failed = seen.requests - base.requests, seen.errors - base.errors
        judged = verdict.judge(verdict.Sample(n, min(failed, n)), verdict.Sample(0, 0))
        last_up = time.monotonic() if seen.up else last_up
        if time.monotonic() - last_up > DEAD:
            judged = {**judged, "verdict": "fail", "why": f"no server of {color} is up"}
        if judged["verdict"] == "fail" and (n >= 20 or not seen.up):  # noqa: PLR2004 -- a few are noise
            return judged
    return judged


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "color": {"type": "str", "required": True},
            "id": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
            "seconds": {"type": "float", "required": True},
        },
    )
    params = module.params
    edge = switch.Edge()
    try:
        fence.check(params["fence"])
        judged = watch(edge, params["color"], params["seconds"])
        if judged.get("verdict") == "fail":
            edge.revert(params["id"])
            module.fail_json(msg=f"clients of this edge: {judged['why']}", judged=judged)
    except (haproxy.HaproxyError, operation.Illegal, fence.Overtaken, files.CorruptFile,
            OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, judged=judged)


if __name__ == "__main__":
    main()
