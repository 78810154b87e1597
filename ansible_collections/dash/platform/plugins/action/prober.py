"""Start or stop the prober: own requests against the public address during an operation."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller

START_TIMEOUT = 20.0  # seconds until the first report must be there
LOAD = ("rate", "connections", "sockets", "streams")
MAX_SECONDS = 3600  # bounded, whatever becomes of the playbook


class ActionModule(ActionBase):
    """Arguments: state, url, ca, report, key_file, token_file, LOAD, root, pid, wait.

    state: started or stopped, which takes report and pid alone. wait: until it is known to run.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the process id (started) or the final report (stopped)."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        report = Path(args["report"])
        if args["state"] == "stopped":
            if args.get("pid"):
                controller.stop(int(args["pid"]))
            return {**result, "changed": False, "report": controller.read_report(report)}
        return {**result, "changed": False, "pid": self._start(args, report)}

    @staticmethod
    def _start(args: dict[str, Any], report: Path) -> int:
        """Start it, wait for its first report if told so, and return its process id."""
        report.parent.mkdir(parents=True, exist_ok=True)
        options = {k: str(args[k]) for k in ("url", "ca", *LOAD)}
        options |= {
            "report": str(report),
            "key-file": str(args["key_file"]),
            "token-file": str(args["token_file"]),
            "parent": str(controller.playbook_pid()),
            "max-seconds": str(MAX_SECONDS),
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        log = report.with_suffix(".log")
        argv = [sys.executable, "-m", "ops.prober", *words]
        pid = controller.spawn(argv, Path(args["root"]), log)
        if not args["wait"]:
            return pid
        end = time.monotonic() + START_TIMEOUT
        while not controller.read_report(report):
            if time.monotonic() > end or not controller.runs(pid):
                controller.stop(pid)
                said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                why = said[-1] if said else f"no report within {START_TIMEOUT:.0f} s"
                msg = f"the prober does not run: {why} (all of it: {log})"
                raise AnsibleActionFail(msg)
            time.sleep(0.1)
        return pid
