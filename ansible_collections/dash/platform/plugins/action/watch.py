"""Watch the public address after a switch, through the prober's report (on the controller)."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller, sample, verdict

STALE = 5.0  # seconds without a new report: the prober hangs, nothing is known
PAUSE = 1.0  # seconds between two looks
SETTLED = 10.0  # seconds after a switch in which slowness is no verdict: all connections are new


def judge(
    report: dict[str, Any], color: str, previous: str, since: float, now: float
) -> dict[str, Any]:
    """Return the verdict on `color`, which took over from `previous` (times: epoch).

    An edge that went back by itself is a failure, and so is one lost socket, message or stream. A
    silent prober is none of the release's. How quick it is counts once it had time to settle.
    """
    counted = {"n": 0, "failures": 0}
    back = [s for s in report.get("switches", []) if s["t"] >= since and s["to"] == previous]
    if back:
        why = f"the edge went back to {previous} by itself"
        return {"verdict": "fail", **counted, "why": why}
    if not report or now - report["updated"] > STALE or not report["reachable"]:
        why = "no answer from anywhere: the prober's own network may be at fault"
        return {"verdict": "inconclusive", **counted, "why": why}
    # The second of the switch itself holds answers of both colours: it counts for neither.
    new = sample.between(report, color, since, now + 1)
    if now - since < SETTLED:
        new = replace(new, p95_ms=None)
    old = sample.between(report, previous, 0, int(since))
    judged = verdict.judge(new, old)
    if judged["verdict"] != "fail" and (lost := sample.losses(report, color, since)):
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        return {**judged, "verdict": "fail", "why": f"{lost[0]}{more}"}
    return judged


class ActionModule(ActionBase):
    """Arguments: report, color (new), previous (old colour), seconds."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `judged`; fail as soon as the new colour is worse, or an edge went back."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        since = time.time()
        end = since + float(args["seconds"])
        while True:
            time.sleep(min(PAUSE, max(0.0, end - time.time())))
            now = time.time()
            judged = judge(
                controller.read_report(Path(args["report"])),
                str(args["color"]),
                str(args["previous"]),
                since,
                now,
            )
            if judged["verdict"] == "fail" or now >= end:
                break
        failed = judged["verdict"] == "fail"
        msg = f"after the switch the new release is worse: {judged['why']}" if failed else ""
        return {**result, "changed": False, "failed": failed, "msg": msg, "judged": judged}
