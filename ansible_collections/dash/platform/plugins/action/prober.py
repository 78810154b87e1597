"""Start or stop the prober: own requests against the public address during an operation."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller

START_TIMEOUT = 10.0  # seconds until the first report must be there
MAX_SECONDS = 3600  # bounded, whatever becomes of the playbook


class ActionModule(ActionBase):
    """Arguments: state (started or stopped), url, ca, report, key_file, rate, connections, root."""

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
        report.parent.mkdir(parents=True, exist_ok=True)
        pid = controller.spawn(
            [
                sys.executable,
                "-m",
                "ops.prober",
                "--url",
                str(args["url"]),
                "--ca",
                str(args["ca"]),
                "--report",
                str(report),
                "--rate",
                str(args["rate"]),
                "--connections",
                str(args["connections"]),
                "--key-file",
                str(args["key_file"]),
                "--parent",
                str(controller.playbook_pid()),
                "--max-seconds",
                str(MAX_SECONDS),
            ],
            Path(args["root"]),
            report.with_suffix(".log"),
        )
        end = time.monotonic() + START_TIMEOUT
        while not controller.read_report(report):
            if time.monotonic() > end:
                log = report.with_suffix(".log")
                msg = f"the prober gave no report within {START_TIMEOUT:.0f} s: see {log}"
                raise AnsibleActionFail(msg)
            time.sleep(0.1)
        return {**result, "changed": False, "pid": pid}
