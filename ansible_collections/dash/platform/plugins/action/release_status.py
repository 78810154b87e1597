"""Write what every host said into one document for `./dash status` (on the controller)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.action import release_plan
from ansible_collections.dash.platform.plugins.module_utils import files


class ActionModule(ActionBase):
    """Arguments: facts (name of the registered variable), dest (path), bucket and region.

    These are where the stack's artifacts lie, "" where they lie on machines of operators alone.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write {"facts": {host: …}, "ledger": [oldest first], "artifacts": {bucket, region}}."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        facts, ledger = release_plan.gather(task_vars or {}, str(args["facts"]))
        for host, seen in facts.items():
            seen.pop("ledger", None)
            seen["address"] = (task_vars or {})["hostvars"][host].get("dash_address", "")
        artifacts = {key: str(args.get(key) or "") for key in ("bucket", "region")}
        document = {"facts": facts, "ledger": ledger, "artifacts": artifacts}
        files.write_json(Path(args["dest"]), document)
        return {**result, "changed": False}
