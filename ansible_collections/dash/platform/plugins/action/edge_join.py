"""Decide which edges are new, and from which one they take over (on the controller)."""

from __future__ import annotations

import uuid
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.action import release_plan
from ansible_collections.dash.platform.plugins.module_utils import controller, joining, standing


class ActionModule(ActionBase):
    """Arguments: facts (of all edges of the stack: the results of a loop over their names)."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return newcomers, and what `take_over.yml` does for them; fail with a refusal's line."""
        result = super().run(tmp, task_vars)
        facts = heard(self._task.args["facts"])
        try:
            join = joining.decide(facts)
        except standing.Refusal as refusal:
            raise AnsibleActionFail(str(refusal)) from None
        if join is None:
            return {**result, "changed": False, "newcomers": []}
        entries = [e for f in facts.values() for e in f.get("ledger") or []]
        others = [h for h, f in facts.items() if not f.get("unreachable")]
        return {
            **result,
            "changed": False,
            "source": join.source,
            "newcomers": join.newcomers,
            "standing": [h for h in others if h not in join.newcomers],
            "id": str(uuid.uuid4()),
            "fence": standing.highest_fence(facts, entries) + 1,
            "holder": controller.holder(),
            "dead": release_plan.dead_lease(facts),
        }


def heard(results: list[dict[str, Any]]) -> standing.Facts:
    """Return what each edge said of itself; one that did not answer is unreachable."""
    return {
        str(got["item"]): dict(got) if "fence" in got else {"unreachable": True} for got in results
    }
