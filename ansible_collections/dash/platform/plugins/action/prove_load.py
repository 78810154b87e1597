"""Hold a release against the one that serves, under the same load: ./dash load compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller

TIMEOUT = 600  # seconds; two and a half minutes are usual
KEPT = ("verdict", "n", "blocks", "margin", "floor_ms", "parts")

Document = dict[str, Any]


class ActionModule(ActionBase):
    """Arguments: root."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: Document | None = None) -> Document:
        """Return `judged`: {"verdict", "n", "why", "blocks", …}; fail when it is a fail."""
        result = super().run(tmp, task_vars)
        found = self._compare(str(self._task.args["root"]))
        why = "; ".join(found["why"]) or "no slower than is allowed"
        judged = {**{key: found[key] for key in KEPT if key in found}, "why": why}
        msg = f"under the same load as the release that serves it is a {found['verdict']}: {why}"
        failed = found["verdict"] == "fail"
        return {**result, "changed": False, "failed": failed, "msg": msg, "judged": judged}

    @staticmethod
    def _compare(root: str) -> Document:
        """Compare in a process of its own, as an operator would."""
        words = ["load", "compare", "--judged", "idle", "--json"]
        argv, name = [sys.executable, "-m", "ops", *words], f"./dash {' '.join(words)}"
        try:
            done = controller.run(argv, Path(root), TIMEOUT, name)
        except RuntimeError as error:
            raise AnsibleActionFail(str(error)) from None
        try:
            return controller.answered(done, "why")
        except RuntimeError as error:
            msg = f"the release could not be compared with the one that serves: {error}"
            raise AnsibleActionFail(msg) from None
