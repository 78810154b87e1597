"""Bring an artifact into the stack's bucket and open it to hosts (runs on the controller)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line
from ansible_collections.dash.platform.plugins.plugin_utils import bucket


class ActionModule(ActionBase):
    """Arguments: path (the archive), bucket, region."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return url and sha256. Whoever has the URL may read the artifact: it is not shown."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        try:
            found = bucket.offer(Path(args["path"]), args["bucket"], args["region"])
        except (Fault, OSError) as error:
            raise AnsibleActionFail(one_line(error)) from None
        told = {"url": found.url, "sha256": found.sha256, "changed": found.brought}
        return {**result, **told, "_ansible_no_log": True}
