"""Put together the ledger entry of an operation that has ended (on the controller)."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.action import outcome, release_plan
from ansible_collections.dash.platform.plugins.module_utils import controller

VERBS = {"deploy": "deploy", "rollback": "rollback", "switch": "switch"}


def summary(report: dict[str, Any]) -> str:
    """Return the prober's figures as the last words on the terminal."""
    if not report.get("sent"):
        return "the prober sent nothing"
    text = f"{report['failed']:,} failed of {report['sent']:,} requests"
    sockets = report.get("sockets") or {}
    if sockets.get("n"):
        text += f", {sockets['lost']} of {sockets['n']} sockets lost"
    return f"{text}, worst gap {report['worst_gap_ms']:.0f} ms"


def _first(task_vars: dict[str, Any], register: str) -> dict[str, Any]:
    """Return the first host's registered result that holds something."""
    for host in task_vars["ansible_play_hosts_all"]:
        got = task_vars["hostvars"][host].get(register)
        if isinstance(got, dict) and not got.get("skipped") and got:
            return dict(got)
    return {}


def conclude(task_vars: dict[str, Any]) -> tuple[str, str]:
    """Return the outcome and why it is not "done"."""
    hosts = task_vars["ansible_play_hosts"]
    proved = _first(task_vars, "release_proved").get("judged") or {}
    if any(task_vars["hostvars"][h].get("release_undone") for h in hosts):
        switched = _first(task_vars, "release_switched").get("color")
        return ("reverted" if switched else "failed"), outcome.first_failure(task_vars)
    if proved.get("verdict") == "inconclusive":
        return "paused", str(proved["why"])
    return "done", ""


def line_for(ended: str, why: str, made: dict[str, Any], figures: str, notes: list[str]) -> str:
    """Return the last line on the terminal."""
    what = f"{made['kind']} of {made['version']}"
    text = {
        "done": f"{made['version']} is active on {made['to_color']}: {figures}",
        "reverted": f"{what} went back to {made['from_color']}: {why}. {figures}",
        "failed": f"{what} failed before the switch, clients noticed nothing: {why}",
        "paused": f"{what} is inconclusive: {why}. Next: ./dash promote or ./dash abort",
    }[ended]
    return "; ".join([text, *notes])


class ActionModule(ActionBase):
    """Arguments: decided (result of release_plan), why, reason, figures (prober's report)."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return entry, line, and the entries that the database does not have yet."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        args = self._task.args
        decided, figures = args["decided"], args["figures"] or {}
        made = decided["plan"]
        ended, why = conclude(variables)
        switched = _first(variables, "release_switched")
        down = _first(variables, "release_down").get("document") or {}
        notes = [f"{r['what']}: {r['rows']} rows would be lost, left in place "
                 "(--accept-loss removes them)"
                 for step in down.get("down", []) if step.get("left") for r in step["risk"]]
        if made["schema_left"]:
            notes.append(made["schema_left"])
        now = time.time()
        started = controller.parse_time(decided["started_at"])
        migrated = _first(variables, "release_migrated").get("document") or {}
        keep = ("sent", "failed", "worst_gap_ms", "by_kind", "by_color", "failures", "reachable")
        bad = ended == "reverted" and made["kind"] == "deploy"
        entry = {
            "id": decided["id"], "at": controller.rfc3339(now), "kind": made["kind"],
            "outcome": ended, "version": made["version"], "digest": made["digest"],
            "git_sha": made["git_sha"], "config_hash": made["config_hash"],
            "config": made["config"], "known": made["known"],
            "schema": migrated.get("applied", []), "color": made["to_color"],
            "previous": made["previous"], "who": decided["holder"]["user"],
            "why": str(args["why"]) or why, "reason": str(args["reason"]),
            "fence": made["fence"],
            "quarantine": made["quarantine"] if ended == "done" else
            [made["digest"]] if bad else [],
            "verdicts": {
                "prove": _first(variables, "release_proved").get("judged") or {},
                "watch": _first(variables, "release_watched").get("judged") or {},
            },
            "timings": {
                "total": round(now - started, 1),
                **({"to_switch": round(switched["at"] - started, 1),
                    "switch": switched["took_ms"] / 1000} if switched.get("color") else {}),
            },
            "prober": {k: figures[k] for k in keep if k in figures},
        }
        facts, ledger = release_plan.gather(variables, "release_facts")
        carried = {e["id"] for f in facts.values() if f.get("role") == "db"
                   for e in f.get("ledger") or []}
        return {
            **result, "changed": False, "entry": entry,
            "uncarried": [*(e for e in ledger if e["id"] not in carried), entry],
            "line": line_for(ended, why, made, summary(figures), notes),
        }
