"""Build the release artifact from the checkout, or take a ready one (runs on the controller)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller

TIMEOUT = 600  # seconds; a cold wheelhouse is fetched from the index, or an artifact from far away


class ActionModule(ActionBase):
    """Arguments: root, path (ready artifact), from_stack (take what that stack runs)."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return path, version, digest, git_sha and schema of the artifact."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        root = Path(args["root"])
        try:
            if args.get("from_stack"):
                words = ["ops.promotion", str(args["from_stack"])]
            elif args.get("path"):
                path = str(Path(args["path"]).absolute())
                words = ["ops.artifact", "take", path, "--json"]
            else:
                words = ["ops.artifact", "build", "--json"]
            found = controller.run_json([sys.executable, "-m", *words], root, TIMEOUT)
        except RuntimeError as error:
            raise AnsibleActionFail(str(error)) from None
        return {**result, **found, "changed": False}
