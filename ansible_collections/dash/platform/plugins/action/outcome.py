"""Say how an operation ended: a line, a document, the designed exit code (on the controller)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# What ./dash exits with for each outcome; ansible-playbook itself exits 2 when it is not 0.
EXIT_CODES = {
    "done": 0,
    "noop": 0,
    "planned": 0,
    "abandoned": 1,
    "refused": 1,
    "failed": 1,
    "paused": 4,
    "reverted": 3,
}


def first_failure(task_vars: dict[str, Any]) -> str:
    """Return what failed first, in one line: the step, the host and the module's message.

    To be asked after a rescue that set `release_answers` on every host: one that could not be
    reached any more does not have it, and leaves no other trace than that.
    """
    hosts = task_vars["ansible_play_hosts_all"]
    for host in hosts:
        host_vars = task_vars["hostvars"][host]
        failure = host_vars.get("ansible_failed_result")
        if isinstance(failure, dict):
            name = str((host_vars.get("ansible_failed_task") or {}).get("name", ""))
            step = name.partition(" | ")[0].rpartition(" : ")[2]
            msg = str(failure.get("msg") or "failed without a message").strip().splitlines()[0]
            return f"{step} on {host}: {msg}" if step else f"{host}: {msg}"
    gone = [h for h in hosts if not task_vars["hostvars"][h].get("release_answers")]
    if gone and len(gone) < len(hosts):
        return f"{', '.join(gone)} no longer answered over ssh"
    return "no reason was recorded"


class ActionModule(ActionBase):
    """Arguments: state_dir, kind, outcome, id, line (may hold %(why)s), entry, plan."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write operation.json, print the line, fail when the outcome is not a good one."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        outcome = str(args["outcome"])
        line = str(args["line"])
        if "%(why)s" in line:
            line = line.replace("%(why)s", first_failure(task_vars or {}))
        document = {
            "id": args.get("id", ""),
            "kind": args["kind"],
            "outcome": outcome,
            "exit_code": EXIT_CODES[outcome],
            "line": line,
            "entry": args.get("entry") or {},
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
