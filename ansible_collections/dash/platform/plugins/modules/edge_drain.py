#!/usr/bin/python
"""Wait until a colour has no session left on an edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_drain
short_description: Drain a colour
description:
  - New requests go to the other colour already; this waits for those under way.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  color:
    description: The colour that was left.
    type: str
    required: true
  seconds:
    description: How long at most.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Let blue finish
  dash.platform.edge_drain:
    color: blue
    seconds: 30
"""

RETURN = r"""
left:
  description: Sessions that were still there.
  type: int
  returned: always
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import haproxy


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "color": {"type": "str", "required": True},
            "seconds": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    runtime = haproxy.Runtime()
    end = time.monotonic() + module.params["seconds"]
    try:
        while True:
            left = runtime.backend(f"app_{module.params['color']}").sessions
            if not left or time.monotonic() > end:
                break
            time.sleep(0.2)
    except haproxy.HaproxyError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, left=left, drained=not left)


if __name__ == "__main__":
    main()
