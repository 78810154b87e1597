"""Keep a secret that was made elsewhere (runs on the controller)."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import secrets


class ActionModule(ActionBase):
    """Arguments: name, value. Where it is kept, the variables of the lookup `secret` say."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return whether anything changed. Say no_log: the value is among the arguments."""
        result = super().run(tmp, task_vars)
        try:
            where = secrets.of_task(self._templar.template, task_vars)
            name, text = secrets.checked(self._task.args["name"]), str(self._task.args["value"])
            changed = (where.read(name) or "").rstrip() != text
            if changed and not self._task.check_mode:
                where.write(name, text + "\n" if isinstance(where, secrets.Files) else text)
        except Fault as fault:
            raise AnsibleActionFail(str(fault)) from None
        return {**result, "changed": changed}
