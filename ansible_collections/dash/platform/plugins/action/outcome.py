"""Say how an operation ended: one line, one document, the designed exit code (on the controller)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# What ./dash exits with for each outcome; ansible-playbook itself exits 2 when it is not 0.
EXIT_CODES = {
    "done": 0, "noop": 0, "planned": 0, "abandoned": 1, "refused": 1, "failed": 1, "paused": 4,
    "reverted": 3,
}


def first_failure(task_vars: dict[str, Any]) -> str:
    """Return what failed first, in one line: the step, the host and the module's message."""
    for host in task_vars["ansible_play_hosts_all"]:
        host_vars = task_vars["hostvars"][host]
        failure = host_vars.get("ansible_failed_result")
        if isinstance(failure, dict):
            task = host_vars.get("ansible_failed_task") or {}
            name = task.get("name", "") if isinstance(task, dict) else getattr(task, "name", "")
            step = str(name).partition(" | ")[0].rpartition(" : ")[2]
            msg = str(failure.get("msg") or "failed without a message").strip().splitlines()[0]
            return f"{step} on {host}: {msg}"
    gone = sorted(set(task_vars["ansible_play_hosts_all"]) - set(task_vars["ansible_play_hosts"]))
    return f"{', '.join(gone)} could not be reached" if gone else "no reason was recorded"


class ActionModule(ActionBase):
    """Arguments: state_dir, kind, outcome, id, line (may hold %(why)s), entry."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write operation.json, print the line, fail when the outcome is not a good one."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        outcome = str(args["outcome"])
        line = str(args["line"])
        if "%(why)s" in line:
            line = line.replace("%(why)s", first_failure(task_vars or {}))
        document = {
            "id": args.get("id", ""), "kind": args["kind"], "outcome": outcome,
            "exit_code": EXIT_CODES[outcome], "line": line, "entry": args.get("entry") or {},
            "plan": args.get("plan") or {},
        }
        path = Path(args["state_dir"]) / "operation.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(document, sort_keys=True) + "\n", encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(path)
        if not os.environ.get("ANSIBLE_DASH_EVENTS"):
            Display().display(line)
        failed = EXIT_CODES[outcome] != 0
        return {**result, "changed": False, "failed": failed, "msg": line, "document": document}
