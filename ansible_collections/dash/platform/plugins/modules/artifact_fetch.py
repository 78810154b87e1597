#!/usr/bin/python
"""Fetch an artifact onto an app host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact_fetch
short_description: Fetch an artifact that the controller has put into a bucket
description:
  - Needs no tools of the bucket's provider, only an address that opens the artifact for a while.
  - What arrives is held against its digest before it has its name.
author: The Dash founders
options:
  url:
    description: The address. Whoever has it may read the artifact.
    type: str
    required: true
  dest:
    description: Where it goes.
    type: path
    required: true
  sha256:
    description: Of the archive.
    type: str
    required: true
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Fetch the artifact
  dash.platform.artifact_fetch:
    url: "{{ release_offer.url }}"
    sha256: "{{ release_offer.sha256 }}"
    dest: /opt/dash/artifacts/dash-1.0.0-9f86d081884c.tar.zst
    fence: 7
"""

RETURN = r"""
changed:
  description: False when it was there already.
  type: bool
  returned: success
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, fetching


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Fetch. Raises Fault, OSError."""
    fence.check(params["fence"])
    return {"changed": fetching.fetch(params["url"], Path(params["dest"]), params["sha256"])}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True, "no_log": True},
            "dest": {"type": "path", "required": True},
            "sha256": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
