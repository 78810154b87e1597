"""Prove a release on the preview address: a smoke test and enough own requests for a verdict."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller, sample, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT = 120  # seconds for all requests together
PATIENCE = 10.0  # seconds in which the edge must have seen the release
UNSEEN = 503  # of the edge: it has no server for the colour
ONE_REQUEST = 10.0  # seconds
LOOKS = 3  # at most, at a release that is slow and nothing else


def smoke(url: str, ca: str, version: str) -> str:
    """Ask the preview address for readiness and the version; return what is wrong, or "".

    The release says itself that it is ready before this is asked. A 503 is then the edge, whose
    health checks (two a second) have not seen yet that a stopped colour runs again.
    """
    opener = urllib.request.build_opener(  # a proxy has no business between us and our own edge
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
    )
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return _fault(opener, url, version)
        except urllib.error.HTTPError as error:
            with error:
                if error.code != UNSEEN or time.monotonic() >= end:
                    return f"GET {url}/readyz answered {error.code}"
        except (OSError, ValueError) as error:
            return f"GET {url}/readyz: {error}"
        time.sleep(0.25)


def _fault(opener: urllib.request.OpenerDirector, url: str, version: str) -> str:
    """Return what is wrong with a 200, or "". Raises HTTPError, OSError, ValueError (no JSON)."""
    with opener.open(f"{url}/readyz", timeout=ONE_REQUEST) as answer:
        body = json.load(answer)
        seen = answer.headers.get("X-Dash-Version", "")
    if seen != version:
        return f"the preview address serves version {seen or 'unknown'}, not {version}"
    if not isinstance(body, dict):
        return "readyz answered with something that is no JSON object"
    bad = [k for k, v in (body.get("checks") or {}).items() if v != "ok"]
    if bad or body.get("status") != "ready":
        named = f" ({', '.join(bad)} not ok)" if bad else ""
        return f"readyz says {body.get('status')}{named}"
    return ""


def look(judge: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Judge again when it failed by time alone: a slow release is slow at each look.

    The requests take three seconds. A machine that stood still for one of them is no verdict.
    """
    judged = judge()
    for _ in range(LOOKS - 1):
        if not judged.get("slow"):
            break
        judged = judge()
    return judged


class ActionModule(ActionBase):
    """Arguments: url, ca, version, public_report, report, key_file, requests, rate, connections."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
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
        judged = look(lambda: self._judge(args))
        failed = judged["verdict"] == "fail"
        msg = f"the new release is {judged['verdict']} on the preview address: {judged['why']}"
        return {**result, "changed": False, "failed": failed, "msg": msg, "judged": judged}

    def _judge(self, args: dict[str, Any]) -> dict[str, Any]:
        """Send the requests to the new release and hold them against the serving one."""
        report, public = Path(args["report"]), Path(args["public_report"])
        report.unlink(missing_ok=True)
        old = controller.read_report(public)
        options = {k: str(args[k]) for k in ("url", "ca", "requests", "rate", "connections")}
        options |= {"report": str(report), "key-file": str(args["key_file"])}
        if old:  # what the serving release gets wrong as well is not the new one's fault
            options["baseline"] = str(public)
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        words.append("--smoke")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "ops.prober", *words],
                cwd=args["root"],
                timeout=TIMEOUT,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            msg = f"the requests to the preview address took more than {TIMEOUT} s"
            raise AnsibleActionFail(msg) from None
        new = controller.read_report(report)
        if not new:
            lines = done.stderr.strip().splitlines() or ["no report"]
            msg = f"the requests to the preview address could not be sent: {lines[-1]}"
            raise AnsibleActionFail(msg)
        judged = verdict.judge(sample.whole(new), sample.whole(old))
        if wrong := new.get("smoke"):
            return {**judged, "verdict": "fail", "slow": False, "why": wrong}
        return judged
