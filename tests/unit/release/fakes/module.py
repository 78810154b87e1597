"""Every module of the collection, as an action plugin that notes its call and answers as told.

Linked under the modules' names into a collection of its own. `$DASH_FAKE` names a directory with
`scenario.json` (facts, failures, documents) and `calls.jsonl`.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    TRANSFERS_FILES = False
    _supports_async = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        directory = Path(os.environ["DASH_FAKE"])
        scenario = json.loads((directory / "scenario.json").read_text(encoding="utf-8"))
        host = self._task.delegate_to or (task_vars or {})["inventory_hostname"]
        name = self._task.action.rpartition(".")[2]
        args = dict(self._task.args)
        calls = directory / "calls.jsonl"
        before = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
        with calls.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"module": name, "host": host, "args": args}) + "\n")
        turn = sum(
            (c["module"], c["host"]) == (name, host) for c in (json.loads(x) for x in before)
        )
        state = f"{name}:{args['state']}" if "state" in args else name
        for key in (f"{state}@{host}", f"{name}@{host}", state, name):
            if key in scenario["fail"]:
                return {**result, **_fail(scenario["fail"][key])}
        return {**result, **_answer(name, args, scenario, host, turn)}


def _fail(how: str) -> dict[str, Any]:
    if how == "unreachable":
        raise AnsibleConnectionFailure("the host went away")
    return {"failed": True, "msg": how}


def _answer(
    name: str, args: dict[str, Any], scenario: dict[str, Any], host: str, turn: int
) -> dict[str, Any]:
    if name == "release_facts":
        stages = scenario["facts"]
        facts = stages[min(turn, len(stages) - 1)][host]
        if facts.get("unreachable"):
            raise AnsibleConnectionFailure("no route to host")
        return {"changed": False, "clock": time.time(), **facts}
    if name == "release_app":
        document = scenario["documents"].get(" ".join(args["argv"][:2]), {})
        return {"rc": 0, "stdout": json.dumps(document), "stderr": "", "document": document}
    if name == "edge_copy" and args["state"] == "given":
        return {"changed": False, "document": {"active": scenario["facts"][0][host]["active"]}}
    if name == "edge_switch" and args["state"] == "switched":
        at = {"color": args["color"], "took_ms": 4.2, "at": time.time()}
        return {"changed": True, **at}
    return {"changed": True}
