"""Break a release on purpose while nobody is served by it: the experiments of suite `prove`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller

TIMEOUT = 900  # seconds for the whole suite; two minutes are usual

Document = dict[str, Any]


def judge(document: Document) -> tuple[str, str]:
    """Return what is wrong with the records of a suite ("" when nothing is), and what held.

    A suite of which an experiment was skipped has proved nothing: that is a no.
    """
    records = document.get("records") or []
    bad = [str(each["line"]) for each in records if each["outcome"] != "passed"]
    if bad or not records:
        return "; ".join(bad) or str(document.get("line") or "no experiment was run"), ""
    return "", f"{len(records)} experiments passed on the idle colour"


class ActionModule(ActionBase):
    """Arguments: root, why."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: Document | None = None) -> Document:
        """Return {"records", "line"}; fail when one did not pass."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        document = self._suite(str(args["root"]), str(args["why"]))
        wrong, held = judge(document)
        return {
            **result,
            "changed": False,
            "failed": bool(wrong),
            "msg": f"the new release does not stand chaos: {wrong}" if wrong else held,
            "records": [
                {key: each.get(key) for key in ("name", "outcome", "line")}
                for each in document.get("records") or []
            ],
        }

    @staticmethod
    def _suite(root: str, why: str) -> Document:
        """Run the suite in a process of its own, as an operator would."""
        argv = [sys.executable, "-m", "chaos", "run", "prove", "--json"]
        try:
            done = controller.run(argv, Path(root), TIMEOUT, "the suite prove", DASH_CHAOS_WHY=why)
        except RuntimeError as error:
            raise AnsibleActionFail(f"{error}: python -m chaos undo") from None
        try:
            return controller.answered(done, "records")
        except RuntimeError as error:
            raise AnsibleActionFail(f"the suite prove could not be run: {error}") from None
