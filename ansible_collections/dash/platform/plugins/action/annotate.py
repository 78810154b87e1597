"""Have every Grafana of the stack told of a release, by processes that nobody waits for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller

USER = "dash"
PORT = 3000


def bodies(made: dict[str, Any], entry: dict[str, Any], at: float | None) -> list[dict[str, Any]]:
    """Return what is told: of a switch the moment, of all of it the whole time that it took."""
    kind, version = made["kind"], made["version"]
    told: list[dict[str, Any]] = []
    if at:
        tags = ["release", kind, "switch", made["to_color"]]
        text = f"{kind} of {version}: traffic goes to {made['to_color']}"
        told.append({"time": int(at * 1000), "tags": tags, "text": text})
    end = int(controller.parse_time(entry["at"]) * 1000)
    begun = end - int(entry["timings"]["total"] * 1000)
    tags = ["release", kind, entry["outcome"]]
    text = f"{kind} of {version}: {entry['outcome']}. {entry['why']}".strip()
    return [*told, {"time": begun, "timeEnd": end, "tags": tags, "text": text}]


class ActionModule(ActionBase):
    """Arguments: decided (release_plan), entry (ledger), at (switch, or 0), root, state_dir."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start a process that tells each; a stack without a monitor has nobody to tell."""
        result = super().run(tmp, task_vars)
        args, variables = self._task.args, task_vars or {}
        state_dir = Path(args["state_dir"])
        password = state_dir / "secrets" / "grafana_password"
        monitors = sorted(variables["groups"].get("monitor", []))
        if not monitors or not password.is_file():
            return {**result, "changed": False, "told": 0}
        told = bodies(args["decided"]["plan"], args["entry"], args.get("at") or None)
        for host in (variables["hostvars"][name] for name in monitors):
            address = f"https://{host['dash_address']}:{PORT}"
            words = [json.dumps(controller.ssh_command(host)), address, USER, str(password),
                     json.dumps(told)]  # fmt: skip
            controller.spawn(
                [sys.executable, "-m", "ops.annotation", *words],
                Path(args["root"]),
                state_dir / "logs" / "annotation.log",
            )
        return {**result, "changed": False, "told": len(told)}
