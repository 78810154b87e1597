#!/usr/bin/python
"""Remove releases and archives past their window."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_prune
short_description: Remove old releases
description:
  - Keeps the named versions, the current one and, when asked, the newest ones. Configurations are
    kept always, they are small and a rollback needs them.
author: The Dash founders
options:
  keep:
    description: Versions to keep, those within the rollback window among them.
    type: list
    required: true
    elements: str
  newest:
    description: How many of the last delivered releases to keep as well.
    type: int
    default: 0
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Remove old releases
  dash.platform.release_prune:
    keep: [1.0.0, 1.1.0]
    fence: 7
"""

RETURN = r"""
removed:
  description: Versions and file names of archives that were removed, sorted.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, releases


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Prune. Raises Fault."""
    fence.check(params["fence"])
    removed = releases.Host().prune(params["keep"], params["newest"])
    return {"changed": bool(removed), "removed": removed}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "keep": {"type": "list", "elements": "str", "required": True},
            "newest": {"type": "int", "default": 0},
            "fence": {"type": "int", "required": True},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
