#!/usr/bin/python
"""Unpack, verify and install a release on an app host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_deliver
short_description: Bring a release to an app host
description:
  - Takes an artifact that lies on the host already; nothing is fetched from a network.
  - What it means and when it runs stands in docs/architecture.md.
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
    description: Its digest.
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
    artifact: /opt/dash/artifacts/dash-1.0.0-0123456789ab.tar.zst
    version: 1.0.0
    digest: 0123456789abcdef
    fence: 7
"""

RETURN = r"""
changed:
  description: False when the release was there already.
  type: bool
  returned: always
"""

import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dash.platform.plugins.module_utils import fence, files, releases


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
    params = module.params
    try:
        fence.check(params["fence"])
        changed = releases.Host().deliver(Path(params["artifact"]), params["version"],
                                          params["digest"])
    except (releases.ReleaseError, fence.Overtaken, files.CorruptFile,
            subprocess.SubprocessError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
