"""Write what every host said into one document for `./dash status` (on the controller)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.action import release_plan


class ActionModule(ActionBase):
    """Arguments: facts (name of the registered variable), dest (path)."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write {"facts": {host: …}, "ledger": [entries, oldest first]}."""
        result = super().run(tmp, task_vars)
        facts, ledger = release_plan.gather(task_vars or {}, str(self._task.args["facts"]))
        for host, seen in facts.items():
            seen.pop("ledger", None)
            seen["address"] = (task_vars or {})["hostvars"][host].get("dash_address", "")
        path = Path(self._task.args["dest"])
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"facts": facts, "ledger": ledger}), encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(path)
        return {**result, "changed": False}
