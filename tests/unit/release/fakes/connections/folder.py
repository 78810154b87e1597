"""A host that is a directory: `/opt/dash` on it lies under `$DASH_FAKE/hosts/<name>/`."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: folder
short_description: A directory that plays a host
options: {}
"""


class Connection(Local):  # type: ignore[misc]  # Ansible has no types
    transport = "folder"
    has_pipelining = True

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> Any:
        host = self._play_context.remote_addr
        mine = f"{os.environ['DASH_FAKE']}/hosts/{host}/opt/dash"
        if in_data is not None:
            in_data = in_data.replace(b"/opt/dash", mine.encode())
        return super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
