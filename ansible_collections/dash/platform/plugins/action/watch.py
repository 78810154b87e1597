"""Watch the public address after a switch, through the prober's report (on the controller)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller, verdict

STALE = 5.0  # seconds without a new report: the prober hangs, nothing is known


def colour_between(
    report: dict[str, Any], color: str, start: float, end: float
) -> tuple[int, int, list[float]]:
    """Return requests, failures and per-second p95s (ms) of a colour in [start, end) (epoch)."""
    n = failed = 0
    p95s: list[float] = []
    for second in report.get("seconds", []):
        if not start <= second["t"] < end:
            continue
        got = second["colors"].get(color)
        if got:
            n += got["n"]
            failed += got["failed"]
            p95s.append(got["p95_ms"])
        elif color != "":
            failed += second["failed"] if not second["colors"] else 0
            n += second["failed"] if not second["colors"] else 0
    return n, failed, p95s


class ActionModule(ActionBase):
    """Arguments: report, color (new), previous (old colour), seconds, since (epoch of the switch)."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `judged`; fail as soon as the new colour is worse, or an edge went back."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        since = time.time()
        end = since + float(args["seconds"])
        judged: dict[str, Any] = {"verdict": "inconclusive", "n": 0, "failures": 0, "why": ""}
        while True:
            time.sleep(min(1.0, max(0.0, end - time.time())))
            report = controller.read_report(Path(args["report"]))
            judged = self._judge(report, args, since)
            if judged["verdict"] == "fail" or time.time() >= end:
                break
        failed = judged["verdict"] == "fail"
        msg = f"after the switch the new release is worse: {judged['why']}" if failed else ""
        return {**result, "changed": False, "failed": failed, "msg": msg, "judged": judged}

    @staticmethod
    def _judge(report: dict[str, Any], args: dict[str, Any], since: float) -> dict[str, Any]:
        color, previous = str(args["color"]), str(args["previous"])
        back = [s for s in report.get("switches", []) if s["t"] >= since and s["to"] == previous]
        if back:
            why = f"the edge went back to {previous} by itself"
            return {"verdict": "fail", "n": 0, "failures": 0, "why": why}
        now = time.time()
        if now - report.get("updated", now) > STALE or not report.get("reachable", True):
            why = "no answer from anywhere: the prober's own network may be at fault"
            return {"verdict": "inconclusive", "n": 0, "failures": 0, "why": why}
        # The first whole second after the switch still holds answers of the old colour.
        new = colour_between(report, color, since, now + 1)
        old = colour_between(report, previous, 0, since)
        return verdict.judge(verdict.Sample.of(*new), verdict.Sample.of(*old))
