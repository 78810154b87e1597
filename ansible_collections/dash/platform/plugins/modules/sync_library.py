#!/usr/bin/python
"""Install the Python files that hosts run without a controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_library
short_description: Install the shared code on a host
description:
  - One task for a whole folder; what is no longer there is removed.
  - What it means and when it runs stands in docs/architecture.md.
author: The Dash founders
options:
  content:
    description: File name to text.
    type: dict
    required: true
  dest:
    description: The folder on the host.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Install it
  dash.platform.sync_library:
    content: {}
    dest: /usr/local/lib/dash/ansible_collections/dash/platform/plugins/module_utils
"""

RETURN = r"""
changed:
  description: Whether a file was written or removed.
  type: bool
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, files


def sync(content: dict[str, str], dest: Path, *, pretend: bool) -> bool:
    """Make a folder hold these Python files and no other; tell whether it did not. Raises Fault."""
    there = {p.name: p.read_text(encoding="utf-8") for p in dest.glob("*.py")}
    if there == content or pretend:
        return there != content
    dest.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        if there.get(name) != text:
            files.atomic_write(dest / name, text, 0o644)
    for name in set(there) - set(content):
        (dest / name).unlink()
    return True


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "content": {"type": "dict", "required": True},
            "dest": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )

    def run(params: dict[str, Any]) -> dict[str, Any]:
        dest = Path(params["dest"])
        return {"changed": sync(params["content"], dest, pretend=module.check_mode)}

    errors.answer(module, run)


if __name__ == "__main__":
    main()
