"""Bring the preview of a stack that has no door for it here, while the playbook runs."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller

PORT = 8444  # of the preview, on edges
READY = 30.0  # seconds until it answers


class ActionModule(ActionBase):
    """Arguments: url (of the preview, on 127.0.0.1), root, state_dir."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the helper's process id; it ends with the playbook."""
        result = super().run(tmp, task_vars)
        args, known = self._task.args, (task_vars or {})["hostvars"]
        edge = known[min((task_vars or {})["groups"]["edge"])]
        ours = urlsplit(str(args["url"])).port
        way = {
            "command": controller.ssh_command(edge),
            "address": edge["dash_address"],
            "ports": {ours: PORT},
        }
        words = ["--parent", str(controller.playbook_pid()), "--ways", json.dumps([way])]
        log = Path(args["state_dir"]) / "logs" / "forward.log"
        log.unlink(missing_ok=True)
        pid = controller.spawn(
            [sys.executable, "-m", "ops.forward", *words], Path(args["root"]), log
        )
        end = time.monotonic() + READY
        while not _answers(int(ours or 0)):
            if time.monotonic() > end or not controller.runs(pid):
                controller.stop(pid)
                return {**result, "failed": True, "msg": f"no way to the preview: {_last(log)}"}
            time.sleep(0.2)
        return {**result, "changed": False, "pid": pid}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _last(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "ssh said nothing"
