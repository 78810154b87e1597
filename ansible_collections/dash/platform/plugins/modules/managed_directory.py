#!/usr/bin/python
"""Have a directory hold what is declared and nothing else."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_directory
short_description: Have a directory hold what is declared and nothing else
description:
  - One task for a whole directory; a file that is no longer declared is removed.
  - Every new text is proved before the first one is replaced.
author: The Dash founders
options:
  content:
    description: File name to text.
    type: dict
    required: true
  dest:
    description: The directory on the host.
    type: path
    required: true
  mode:
    description: Of the files, in octal.
    type: str
    default: "0644"
  validate:
    description: A command that ends with 0 for a good file; C(%s) is its path.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Have these rules and no others
  dash.platform.managed_directory:
    content: {a.yml: "groups: []"}
    dest: /etc/prometheus/rules.d
    validate: [promtool, check, rules, "%s"]
"""

RETURN = r"""
changed:
  description: Whether a file was written or removed.
  type: bool
  returned: always
files:
  description: Names of the files that were written or removed.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import directory, errors


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "content": {"type": "dict", "required": True},
            "dest": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0644"},
            "validate": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )

    def run(params: dict[str, Any]) -> dict[str, Any]:
        found = directory.sync(
            params["content"],
            Path(params["dest"]),
            mode=int(params["mode"], 8),
            validate=params["validate"],
            pretend=module.check_mode,
        )
        return {"changed": bool(found), "files": found}

    errors.answer(module, run)


if __name__ == "__main__":
    main()
