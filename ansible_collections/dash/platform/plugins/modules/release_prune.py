#!/usr/bin/python
"""Remove releases and archives past their window."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_prune
short_description: Remove old releases
description:
  - Keeps the named versions and the current one.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  keep:
    description: Versions to keep.
    type: list
    required: true
    elements: str
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Remove old releases
  dash.platform.release_prune:
    keep: [1.0.0]
    fence: 7
"""

RETURN = r"""
removed:
  description: What was removed.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import fence, files, releases


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "keep": {"type": "list", "elements": "str", "required": True},
            "fence": {"type": "int", "required": True},
        },
    )
    try:
        fence.check(module.params["fence"])
        removed = releases.Host().prune(module.params["keep"])
    except (fence.Overtaken, files.CorruptFile, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(removed), removed=removed)


if __name__ == "__main__":
    main()
