"""Decide what a release operation will do (runs on the controller, changes nothing)."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.module_utils import controller, plan, standing

STALE = 45.0  # seconds that facts may be old when they are read here
SSH_SAYS = "Failed to connect to the host via ssh: "  # Ansible, before the first of ssh's lines
PLANNERS = {
    "deploy": plan.deploy,
    "rollback": plan.rollback,
    "switch": plan.switch,
    "promote": plan.promote,
    "migrate": plan.contract,
    "app": plan.ask,
}


def gather(task_vars: dict[str, Any], register: str) -> tuple[standing.Facts, list[standing.Entry]]:
    """Collect what `release_facts` registered on every host of the play, and the merged ledger.

    A host that gave none is reported as unreachable, with `why` and what to type, the `cure`, when
    its cloud, the way to it or the host itself says so.
    """
    facts: standing.Facts = {}
    entries: dict[str, standing.Entry] = {}
    for host in task_vars["ansible_play_hosts_all"]:
        host_vars = task_vars["hostvars"][host]
        got = host_vars.get(register)
        base = {"role": host_vars["dash_role"], "color": host_vars["dash_color"]}
        if not isinstance(got, dict) or got.get("unreachable") or "fence" not in got:
            said = str(host_vars.get("dash_trouble") or "") or _why(got)
            why, _, cure = said.partition(". Next: ")
            facts[host] = {**base, "unreachable": True, "why": why, "cure": cure}
            continue
        skew = float(got["clock"]) - time.time()
        facts[host] = {**got, **base, "clock_skew": 0.0 if -STALE < skew < 0 else skew}
        for entry in got.get("ledger") or []:
            entries.setdefault(entry["id"], entry)
    return facts, sorted(entries.values(), key=lambda e: (e["fence"], e["at"]))


def _why(got: object) -> str:
    """Return what a host, or our tunnel to it, said instead of its facts; "" when nobody did."""
    lines = str(got.get("msg") or "").strip().splitlines() if isinstance(got, dict) else []
    if isinstance(got, dict) and got.get("unreachable"):
        # Of what ssh says this alone is ours: it tells what to type.
        lines = [x.removeprefix(SSH_SAYS) for x in lines if " Next: " in x]
    return lines[0] if lines else ""


def dead_lease(facts: standing.Facts) -> str:
    """Return the id of the lease whose holder ran on this machine and is gone, or ""."""
    leases = [f["lease"] for f in facts.values() if f.get("lease")]
    return next((x["id"] for x in leases if controller.is_dead(x["holder"])), "")


class ActionModule(ActionBase):
    """Arguments: kind, facts (name of the registered variable) and what `plan.Request` takes."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the plan, a fresh operation id and the holder; fail with a refusal's line."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        artifact = args.get("artifact") or {}
        config = str(args.get("config") or "")
        request = plan.Request(
            kind=args["kind"],
            now=time.time(),
            version=str(artifact.get("version") or args.get("to_version") or "").removeprefix("v"),
            digest=artifact.get("digest", ""),
            git_sha=artifact.get("git_sha", ""),
            schema=artifact.get("schema", {}),
            config=config,
            config_hash=hashlib.sha256(config.encode()).hexdigest(),
            to_color=str(args.get("to_color") or ""),
            force=bool(args.get("force")),
            window_hours=float(args.get("window_hours") or 24),
        )
        facts, ledger = gather(task_vars or {}, str(args["facts"]))
        try:
            made = PLANNERS[request.kind](request, facts, ledger)
        except standing.Refusal as refusal:
            raise AnsibleActionFail(str(refusal)) from None
        return {
            **result,
            "changed": False,
            "plan": made.as_dict(),
            "id": str(uuid.uuid4()),
            "started_at": controller.rfc3339(request.now),
            "holder": controller.holder(),
            "dead": dead_lease(facts),
        }
