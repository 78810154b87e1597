#!/usr/bin/python
"""Unpack, verify and install a release on an app host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_deliver
short_description: Bring a release to an app host
description:
  - Takes an artifact that lies on the host already; nothing is fetched from a network.
  - Holds every byte against the manifest and the manifest against the digest, makes a virtual
    environment from the wheels, and only then marks the release as whole. What fails leaves nothing
    behind. A version that is known with another digest is refused.
author: The Dash founders
options:
  artifact:
    description: The archive on the host.
    type: path
    required: true
  version:
    description: Its version.
    type: str
    required: true
  digest:
    description: Its digest, the SHA-256 of its manifest.
    type: str
    required: true
  fence:
    description: The operation's fencing number; a smaller one than the host has seen is refused.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Unpack
  dash.platform.release_deliver:
    artifact: /opt/dash/artifacts/dash-1.0.0-9f86d081884c.tar.zst
    version: 1.0.0
    digest: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    fence: 7
"""

RETURN = r"""
changed:
  description: False when the release was there already.
  type: bool
  returned: success
directory:
  description: Where the release lies.
  type: str
  returned: success
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import errors, fence, releases


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Deliver. Raises Fault."""
    fence.check(params["fence"])
    host = releases.Host()
    changed = host.deliver(Path(params["artifact"]), params["version"], params["digest"])
    return {"changed": changed, "directory": str(host.releases / params["version"])}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "artifact": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "digest": {"type": "str", "required": True},
            "fence": {"type": "int", "required": True},
        },
    )
    errors.answer(module, run)


if __name__ == "__main__":
    main()
