"""Put together the ledger entry of an operation that has ended (on the controller)."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.dash.platform.plugins.action import outcome, release_plan
from ansible_collections.dash.platform.plugins.module_utils import controller

KEPT = (
    *("sent", "failed", "worst_gap_ms", "by_kind", "by_color", "failures", "reachable"),
    *("sockets", "streams", "losses"),
)

Document = dict[str, Any]


def summary(report: Document) -> str:
    """Return the prober's figures as the last words on the terminal: its own."""
    return str(report["summary"]) if report.get("sent") else "the prober sent nothing"


def registered(task_vars: Document, register: str, key: str) -> Any:
    """Return `key` of the first host's registered result that has it, or None."""
    for host in task_vars["ansible_play_hosts_all"]:
        got = task_vars["hostvars"][host].get(register)
        if isinstance(got, dict) and got.get(key) is not None:
            return got[key]
    return None


def said(task_vars: Document, variable: str) -> bool:
    """Tell whether any host has a fact set.

    All hosts of the play are asked: those in a rescue no longer stand in `ansible_play_hosts`.
    """
    hosts = task_vars["ansible_play_hosts_all"]
    return any(task_vars["hostvars"][h].get(variable) for h in hosts)


def conclude(task_vars: Document) -> tuple[str, str]:
    """Return the outcome and why it is not "done"."""
    if said(task_vars, "release_undone"):
        switched = registered(task_vars, "release_switched", "color")
        return ("reverted" if switched else "failed"), outcome.first_failure(task_vars)
    for name in ("release_proved", "release_loaded"):
        judged = registered(task_vars, name, "judged") or {}
        if judged.get("verdict") == "inconclusive":
            return "paused", str(judged["why"])
    return "done", ""


def line_for(ended: str, why: str, made: Document, figures: str, notes: list[str]) -> str:
    """Return the last line on the terminal."""
    what = f"{made['kind']} of {made['version']}"
    if made["kind"] == "migrate":
        text = {
            "done": f"the held migrations of {made['version']} are applied",
            "failed": f"{what} failed, the steps before it stand: {why}",
        }[ended]
        return "; ".join([text, *notes])
    text = {
        "done": f"{made['version']} is active on {made['to_color']}: {figures}",
        "reverted": f"{what} went back to {made['from_color']}: {why}. {figures}",
        "failed": f"{what} failed before the switch, clients noticed nothing: {why}",
        "paused": f"{what} is inconclusive: {why}. Next: ./dash promote or ./dash abort",
    }[ended]
    return "; ".join([text, *notes])


def notes_of(task_vars: Document, made: Document) -> list[str]:
    """Return what the last line adds: rows that stayed, schema left alone, hosts left untidy."""
    down = registered(task_vars, "release_down", "document") or {}
    notes = [
        f"{r['what']}: {r['rows']} rows would be lost, left in place (--accept-loss removes them)"
        for step in down.get("down", [])
        if step.get("left")
        for r in step["risk"]
    ]
    if made["schema_left"]:
        notes.append(made["schema_left"])
    if said(task_vars, "release_left"):
        notes.append(f"not all was handed over: {outcome.first_failure(task_vars)}")
    return notes


def timings_of(task_vars: Document, started: float, now: float) -> dict[str, float]:
    """Return the seconds that the operation took, in all and to the switch."""
    timings = {"total": round(now - started, 1)}
    moved = registered(task_vars, "release_switched", "at")
    if moved is not None:
        timings["to_switch"] = round(moved - started, 1)
        timings["switch"] = registered(task_vars, "release_switched", "took_ms") / 1000
    return timings


class ActionModule(ActionBase):
    """Arguments: decided (result of release_plan), why, reason, figures (prober's report)."""

    TRANSFERS_FILES = False

    def run(self, tmp: object = None, task_vars: Document | None = None) -> Document:
        """Return entry, line, and the entries that the database does not have yet."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        decided, figures = self._task.args["decided"], self._task.args["figures"] or {}
        made = decided["plan"]
        ended, why = conclude(variables)
        entry = self._entry(variables, ended, why, time.time())
        facts, ledger = release_plan.gather(variables, "release_facts")
        carried = {
            e["id"] for f in facts.values() if f.get("role") == "db" for e in f.get("ledger") or []
        }
        line = line_for(ended, why, made, summary(figures), notes_of(variables, made))
        uncarried = [*(e for e in ledger if e["id"] not in carried), entry]
        return {**result, "changed": False, "entry": entry, "uncarried": uncarried, "line": line}

    def _entry(self, variables: Document, ended: str, why: str, now: float) -> Document:
        args = self._task.args
        decided, figures = args["decided"], args["figures"] or {}
        made = decided["plan"]
        went_back = ended == "reverted" and made["kind"] == "deploy"
        quarantine = made["quarantine"] if ended == "done" else []
        migrated = registered(variables, "release_migrated", "document") or {}
        same = ("version", "digest", "git_sha", "config_hash", "config", "known", "fence")
        return {
            "id": decided["id"],
            "at": controller.rfc3339(now),
            "kind": made["kind"],
            "outcome": ended,
            **{key: made[key] for key in same},
            "schema": migrated.get("applied", []),
            "color": made["to_color"],
            "previous": made["previous"],
            "who": decided["holder"]["user"],
            "why": str(args["why"]) or why,
            "reason": str(args["reason"]),
            "quarantine": [made["digest"]] if went_back else quarantine,
            "verdicts": {
                "prove": registered(variables, "release_proved", "judged") or {},
                "chaos": registered(variables, "release_broken", "records") or [],
                "load": registered(variables, "release_loaded", "judged") or {},
                "watch": registered(variables, "release_watched", "judged") or {},
            },
            "timings": timings_of(variables, controller.parse_time(decided["started_at"]), now),
            "prober": {k: figures[k] for k in KEPT if k in figures},
        }
