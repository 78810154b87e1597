"""How a run ended, from what was seen: pure, so that each verdict can be tested by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos import traffic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.metadata import Metadata


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a run left behind."""

    metadata: Metadata
    journal: Mapping[str, Any]  # chaostoolkit's
    report: Mapping[str, Any]  # own traffic's
    alerts: Sequence[Mapping[str, Any]]
    began: float | None = None  # the fault
    undone: float | None = None
    settled: float | None = None  # when all was well after the undo; None: it was not
    not_undone: tuple[str, ...] = ()
    undone_twice: bool = True
    runbook: Mapping[str, Any] | None = None
    others: Mapping[str, float] = field(
        default_factory=dict
    )  # told besides: seconds from the fault

    @property
    def recovery(self) -> float | None:
        """Seconds from the fault to the last bad answer; 0 when none was bad."""
        if self.began is None:
            return None
        last = traffic.last_bad(dict(self.report))
        return 0.0 if last is None or last < self.began else round(last - self.began, 1)


def probes(journal: Mapping[str, Any]) -> dict[str, int]:
    """Count looks at the hypothesis and probes of the method, and those that held."""
    states = journal.get("steady_states") or {}
    looks = [states.get("before"), states.get("after"), *(states.get("during") or ())]
    held = [bool(look["steady_state_met"]) for look in looks if look]
    held += [
        run.get("status") == "succeeded" and run.get("tolerance_met", True)
        for run in journal.get("run") or ()
        if run["activity"]["type"] == "probe"
    ]
    return {"n": len(held), "passed": sum(held)}


def lost(seen: Seen) -> dict[str, int]:
    """Return what was lost of what is in flight, by the names of `in_flight`."""
    kinds = traffic.requests(dict(seen.report))
    return {
        "get": sum(kinds.get(kind, {}).get("failed", 0) for kind in ("keepalive", "fresh")),
        "post": kinds.get("post", {}).get("failed", 0),
        "sockets": int((seen.report.get("sockets") or {}).get("lost", 0)),
        "streams": int((seen.report.get("streams") or {}).get("broken", 0)),
    }


def judge(seen: Seen) -> tuple[str, str]:
    """Return the outcome and its reason: what matters most first."""
    status = seen.journal.get("status")
    if seen.not_undone:
        return "undo failed", seen.not_undone[0]
    if status == "interrupted":
        safeguard = seen.journal.get("safeguards") or {}
        why = safeguard.get("triggered_by")
        return "interrupted", f"the safeguard {why} ended it" if why else "somebody ended it"
    reasons = [*_method(seen.journal), *_losses(seen), *_ends(seen)]
    return ("failed", reasons[0]) if reasons else ("passed", "")


def _method(journal: Mapping[str, Any]) -> list[str]:
    gate = (journal.get("steady_states") or {}).get("before")
    if gate and not gate["steady_state_met"]:
        return [f"not steady before the fault: {gate['probes'][-1]['activity']['name']}"]
    found = [
        f"{run['activity']['name']}: {_said(run)}"
        for run in journal.get("run") or ()
        if run.get("status") != "succeeded"  # one that was interrupted has none
    ]
    if journal.get("deviated"):
        after = journal["steady_states"]["after"]["probes"][-1]
        found.append(f"{after['activity']['name']}: {after.get('output')}")
    return found or (["chaostoolkit aborted it"] if journal.get("status") == "aborted" else [])


def _said(run: Mapping[str, Any]) -> str:
    lines = [line for line in run.get("exception") or () if line.strip()]
    return lines[-1].strip().rpartition("ActivityFailed: ")[2] if lines else "failed"


def _losses(seen: Seen) -> list[str]:
    allowed = seen.metadata.in_flight.model_dump()
    return [
        f"{n} {what} lost or failed, {allowed[what]} allowed"
        for what, n in lost(seen).items()
        if allowed[what] is not None and n > allowed[what]
    ]


def _ends(seen: Seen) -> list[str]:
    found = []
    if seen.began is None:
        found.append("no fault was made")
    found += [
        f"{alert['name']} did not fire"
        for alert in seen.alerts
        if alert["detection_seconds"] is None
    ]
    if seen.runbook and seen.runbook["mended"] is False:
        found.append(f"the commands of docs/runbooks/{seen.runbook['name']}.md do not mend it")
    if seen.settled is None:
        found.append(f"not well again {seen.metadata.settles} s after the undo")
    if not seen.undone_twice:
        found.append("undoing it a second time did harm or failed")
    return found


def record(
    experiment: str, title: str, seen: Seen, *, started: float, ended: float, why: str,
    burned: Mapping[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Return the document that is kept of a run."""
    metadata, report = seen.metadata, dict(seen.report)
    verdict, reason = judge(seen)
    after = None if None in (seen.settled, seen.undone) else seen.settled - seen.undone  # type: ignore[operator] # both are there
    document = {
        "experiment": experiment,
        "title": title,
        "group": metadata.group,
        "weight": metadata.weight,
        "started": started,
        "ended": ended,
        "fault": {"started": seen.began, "ended": seen.undone},
        "alerts": list(seen.alerts),
        "probes": probes(seen.journal),
        "requests": traffic.requests(report),
        "in_flight_allowed": metadata.in_flight.model_dump(),
        "sockets": report.get("sockets") or {},
        "streams": report.get("streams") or {},
        "recovery_seconds": seen.recovery,
        "after_undo_seconds": None if after is None else round(after, 1),
        "target_recovery_seconds": metadata.target_recovery_seconds,
        "budget_burned": dict(burned),
        "undone_twice": seen.undone_twice,
        "runbook": seen.runbook,
        "why": why,
        "outcome": verdict,
        "reason": reason,
        "others": dict(seen.others),
    }
    return {**document, "line": line(document)}


def skipped(
    experiment: str, title: str, metadata: Metadata, reason: str, at: float
) -> dict[str, Any]:
    """Return the document of an experiment that this stack cannot run."""
    return {
        "experiment": experiment, "title": title, "group": metadata.group,
        "weight": metadata.weight, "started": at, "ended": at,
        "target_recovery_seconds": metadata.target_recovery_seconds,
        "outcome": "skipped", "reason": reason, "line": f"{experiment}: skipped: {reason}",
    }  # fmt: skip


def line(document: Mapping[str, Any]) -> str:
    """Return what a person is told of a run."""
    requests = document["requests"].values()
    failed, n = (sum(each[key] for each in requests) for key in ("failed", "n"))
    words = [f"{document['experiment']}: {document['outcome']}"]
    for alert in document["alerts"]:
        after = alert["detection_seconds"]
        told = "not told" if after is None else f"after {after:.0f} s"
        words.append(f"{alert['name']} {told}")
    if document["recovery_seconds"] is not None:
        words.append(f"bad answers until {document['recovery_seconds']:.1f} s")
    words.append(f"{failed:,} of {n:,} requests failed")
    words.append(f"{document['sockets'].get('lost', 0)} sockets lost")
    if document["reason"]:
        words.append(document["reason"])
    return ", ".join(words)
