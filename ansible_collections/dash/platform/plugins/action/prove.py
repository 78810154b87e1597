"""Prove a release on the preview address: a smoke test and enough own requests for a verdict."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller, verdict

TIMEOUT = 120  # seconds for all requests together


def smoke(url: str, ca: str, version: str) -> str:
    """Ask the preview address once for readiness and the version; return what is wrong, or ""."""
    context = ssl.create_default_context(cafile=ca)
    try:
        with urllib.request.urlopen(  # noqa: S310 -- the stack's own https address
            f"{url}/readyz", context=context, timeout=10
        ) as answer:
            body = json.load(answer)
            seen = answer.headers.get("X-Dash-Version", "")
    except urllib.error.HTTPError as error:
        return f"GET {url}/readyz answered {error.code}"
    except (OSError, ValueError) as error:
        return f"GET {url}/readyz: {error}"
    if seen != version:
        return f"the preview address serves version {seen or 'unknown'}, not {version}"
    bad = [k for k, v in body.get("checks", {}).items() if v != "ok"]
    return f"readyz names {', '.join(bad)}" if body.get("status") != "ready" or bad else ""


class ActionModule(ActionBase):
    """Arguments: url, ca, version, public_report, report, key_file, requests, rate, connections."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the verdict: {"verdict", "n", "failures", "why", …}; fail when it is a fail."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        wrong = smoke(str(args["url"]), str(args["ca"]), str(args["version"]))
        if wrong:
            return {
                **result,
                "failed": True,
                "msg": f"the new release fails its smoke test: {wrong}",
                "judged": {"verdict": "fail", "n": 1, "failures": 1, "why": wrong},
            }
        judged = self._judge(args)
        failed = judged["verdict"] == "fail"
        msg = f"the new release is {judged['verdict']} on the preview address: {judged['why']}"
        return {**result, "changed": False, "failed": failed, "msg": msg, "judged": judged}

    def _judge(self, args: dict[str, Any]) -> dict[str, Any]:
        """Send the requests to the new release and hold them against the serving one."""
        report = Path(args["report"])
        report.unlink(missing_ok=True)
        words = [
            sys.executable, "-m", "ops.prober", "--url", str(args["url"]), "--ca", str(args["ca"]),
            "--report", str(report), "--requests", str(args["requests"]),
            "--rate", str(args["rate"]), "--connections", str(args["connections"]),
            "--key-file", str(args["key_file"]),
        ]
        done = subprocess.run(  # noqa: S603 -- our own program, no shell
            words, cwd=args["root"], timeout=TIMEOUT, capture_output=True, text=True, check=False
        )
        new = controller.read_report(report)
        if not new:
            lines = done.stderr.strip().splitlines() or ["no report"]
            msg = f"the requests to the preview address could not be sent: {lines[-1]}"
            raise AnsibleActionFail(msg)
        old = controller.read_report(Path(args["public_report"]))
        return verdict.judge(verdict.quantiles(new), verdict.quantiles(old))
