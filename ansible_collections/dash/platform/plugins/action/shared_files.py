"""Have files of the controller be the same for all operators (runs on the controller)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import copies, secrets


class ActionModule(ActionBase):
    """Arguments: name, paths, replace. Where it is kept, the variables of the lookup `secret` say.

    The files follow the secret; where there is none they become it. With `replace` they become it
    in any case.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return whether there was a difference, and whether the secret was there before."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        try:
            done = copies.follow(
                secrets.of_task(self._templar.template, task_vars),
                secrets.checked(args["name"]), [*map(Path, args["paths"])],
                replace=boolean(args.get("replace", False)), look=self._task.check_mode,
            )  # fmt: skip
        except Fault as fault:
            raise AnsibleActionFail(str(fault)) from None
        return {**result, **done._asdict()}
