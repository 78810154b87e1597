"""Decide how an interrupted operation is settled: finished when confirmed, undone otherwise."""

from __future__ import annotations

import time
import uuid
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.dash.platform.plugins.action import release_plan
from ansible_collections.dash.platform.plugins.module_utils import controller, neighbours, standing

SAME = ("version", "digest", "git_sha", "config_hash", "config", "known", "previous")
NOWHERE = "nowhere"  # a colour that no host has


def interrupted(facts: standing.Facts) -> dict[str, Any] | None:
    """Return the operation that some edge still has open, furthest state first, or None.

    An edge that went back and has closed it takes back those that have confirmed it.
    """
    order = ["begun", "paused", "switched", "confirmed", "reverted"]
    found = [f["operation"] for f in facts.values() if f.get("operation")]
    held = max(found, key=lambda o: order.index(o["state"])) if found else None
    if held is None or held["state"] != "confirmed" or "switched_from" not in held:
        return held
    edges = [f for f in facts.values() if f.get("role") == "edge" and not f.get("unreachable")]
    back = any(neighbours.went_back(edge, held, str(held["to_color"])) for edge in edges)
    return {**held, "state": "reverted"} if back else held


def describe(made: dict[str, Any], state: str, outcome: str) -> str:
    """Return in one line what was left open and what becomes of it."""
    what = f"the {made['kind']} of {made['version']}"
    if made["kind"] == "migrate":
        return f"{what} was interrupted: the steps that it had finished stand"
    if state == "paused":
        return f"{what} waited for an answer: undone, clients noticed nothing"
    how = {
        "done": "after it was confirmed: finished",
        "reverted": "after the switch: traffic is back on the old colour",
        "abandoned": "before the switch: undone, clients noticed nothing",
    }[outcome]
    return f"{what} was interrupted {how}"


def settle(operation: dict[str, Any], fence: int, now: float) -> dict[str, Any]:
    """Return what to do about an interrupted operation: traffic, what to put back, ledger entry."""
    made = operation["plan"]
    finish = operation["state"] == "confirmed"
    # A promoted deploy is warm (it was staged before), yet it is taken away like any other.
    undo = not finish and (not made["warm"] or made["kind"] == "deploy")
    put_back = made["restore"] or {"version": "", "config_hash": ""}
    state = operation["state"]
    outcome = "done" if finish else "reverted" if state in ("switched", "reverted") else "abandoned"
    line = describe(made, state, outcome)
    entry = {
        "id": operation["id"] if finish else str(uuid.uuid4()),
        "at": controller.rfc3339(now),
        "kind": made["kind"] if finish else "recover",
        "outcome": outcome,
        **{key: made[key] for key in SAME},
        "schema": [],
        "color": made["to_color"] if finish else made["from_color"],
        "who": controller.holder()["user"],
        "why": line,
        "reason": "other",
        "fence": fence,
        "quarantine": made["quarantine"] if finish else [],
        "verdicts": {},
        "timings": {},
        "prober": {},
    }
    return {
        "traffic": "confirmed" if finish else "reverted",
        "color": made["to_color"] if finish else made["from_color"],
        "restore": {
            "color": made["to_color"] if undo else NOWHERE,
            "version": put_back["version"],
            "config_hash": put_back["config_hash"],
        },
        "entry": entry,
        "line": line,
    }


class ActionModule(ActionBase):
    """Arguments: facts (name of the registered variable), kind (of what comes next), plan_only."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return needed, and what `recover.yml` does when it is."""
        result = super().run(tmp, task_vars)
        facts, ledger = release_plan.gather(task_vars or {}, str(self._task.args["facts"]))
        kind = str(self._task.args["kind"])
        operation = interrupted(facts)
        if operation is None or (kind == "promote" and operation["state"] == "paused"):
            return {**result, "changed": False, "needed": False}
        if operation["state"] == "paused" and kind in ("deploy", "switch", "migrate"):
            msg = (
                f"the deploy of {operation['plan']['version']} waits for an answer. "
                "Next: ./dash promote or ./dash abort"
            )
            raise AnsibleActionFail(msg)
        if self._task.args.get("plan_only"):
            said = f"an interrupted {operation['plan']['kind']} will be settled first"
            Display().display(said)
            return {**result, "changed": False, "needed": False}
        fence = standing.highest_fence(facts, ledger) + 1
        made = settle(operation, fence, time.time())
        return {
            **result,
            **made,
            "changed": False,
            "needed": True,
            "id": str(uuid.uuid4()),
            "operation": operation["id"],
            "fence": fence,
            "holder": controller.holder(),
            "dead": release_plan.dead_lease(facts),
        }
