"""Start or stop the process that renews the lease while this playbook runs (on the controller)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller


class ActionModule(ActionBase):
    """Arguments: state (started or stopped), id (of the lease), root, state_dir, pid (to stop)."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the helper's process id."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        if args["state"] == "stopped":
            if args.get("pid"):
                controller.stop(int(args["pid"]))
            return {**result, "changed": False}
        host_vars = (task_vars or {})["hostvars"]
        hosts = [
            h
            for h in (task_vars or {})["ansible_play_hosts_all"]
            if host_vars[h]["dash_role"] == "edge"
        ]
        pid = controller.spawn(
            [
                sys.executable,
                "-m",
                "ops.heartbeat",
                "--parent",
                str(controller.playbook_pid()),
                "--id",
                str(args["id"]),
                "--edges",
                json.dumps([controller.ssh_command(host_vars[h]) for h in hosts]),
            ],
            Path(args["root"]),
            Path(args["state_dir"]) / "logs" / "heartbeat.log",
        )
        return {**result, "changed": False, "pid": pid}
