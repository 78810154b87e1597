"""A run's result: what was measured and what follows from it, as one document and in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from loadtests import bottleneck, capacity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtests.baseline import Machine
    from loadtests.prometheus import Series

FORMAT = 1
QUIET = 0.5  # of the machine's CPUs before a run: above it, what was too slow may be others' doing


def of(
    measured: dict[str, Any],
    server: Mapping[str, Series],
    silent: str,
    machine: Machine,
    versions: list[str],
    *,
    busy: float | None = None,
) -> dict[str, Any]:
    """Return the document: nothing in it is guessed, what is not known is empty or says why.

    Args:
        measured: what locust left.
        server: series of the run.
        silent: why there are none.
        machine: where it ran.
        versions: releases that served.
        busy: the machine's CPU before the run, None: not known.
    """
    return {
        "format": FORMAT,
        **measured,
        "verdict": undisturbed(measured, busy),
        "busy_before": busy,
        "version": ", ".join(versions),
        "machine": asdict(machine),
        "server": server,
        "server_silent": silent,
        "bottlenecks": [each.document for each in bottleneck.find(server, measured["began"])],
        "nearest": bottleneck.highest(server),
        "capacity": capacity.of(measured, machine.cpus),
    }


def undisturbed(measured: dict[str, Any], busy: float | None) -> dict[str, Any]:
    """Return the verdict; what a machine that was busy anyway made too slow is nobody's fault."""
    verdict: dict[str, Any] = measured["verdict"]
    slow = verdict["outcome"] == "missed" or measured["knee"] is not None
    if not slow or busy is None or busy <= QUIET:
        return verdict
    why = (
        f"the machine was {busy:.0%} busy with other things before the run: what was too slow in "
        "it is not the service's doing; run it again on a quiet machine"
    )
    return {**verdict, "outcome": "inconclusive", "why": [why, *verdict["why"]]}


def line(document: dict[str, Any]) -> str:
    """Return the verdict in a line."""
    verdict = document["verdict"]
    why = "; ".join(verdict["why"])
    return f"{document['shape']} {verdict['outcome']}{': ' if why else ''}{why}"


def words(document: dict[str, Any]) -> str:
    """Return what follows from the figures, for people: bottleneck, capacity, baseline."""
    return "\n".join((first(document), carried(document), before(document)))


def first(document: dict[str, Any]) -> str:
    """Return the first bottleneck with its evidence; else what came nearest to its limit."""
    if found := document["bottlenecks"]:
        return f"first bottleneck: {found[0]['line']}"
    if document["server_silent"]:
        return f"bottleneck not known: {document['server_silent']}"
    if not (near := document["nearest"]):
        return "bottleneck not known: Prometheus has no series of the run"
    what, share = near[0]["what"], f"{near[0]['share']:.0%} of the limit"
    if near[0]["share"] < 1:
        return f"nothing was used up; {what} came nearest, {share}"
    if document["knee"] is not None or document["verdict"]["outcome"] == "missed":
        # A stage ends with its first missed threshold, before there can be a second sample.
        scale = near[0]["scale"]
        return f"first bottleneck, by one sample alone: {what}, {share}; to scale: {scale}"
    return f"nothing was used up for longer than one sample of five seconds; {what}, {share}"


def carried(document: dict[str, Any]) -> str:
    """Return what a vCPU carried."""
    if not (found := document["capacity"]):
        return "capacity not known: no part of the run kept its thresholds"
    where = "at the knee" if found["at_the_knee"] else "in this run, which is not its most"
    return (
        f"{where}: {found['rate']:g} requests and messages a second and {found['agents']:g} "
        f"agents, {found['rate_per_vcpu']:g} and {found['agents_per_vcpu']:g} per vCPU"
    )


def before(document: dict[str, Any]) -> str:
    """Return how the run compares with its baseline, and whether it is the next one."""
    found = document["baseline"]
    kept = [document["kept"]] if "kept" in document else []
    if not found["compared"]:
        return "; ".join([f"not compared: {found['why']}", *kept])
    each = (
        f"{kind} {ratios['p95_ms']:g}"
        for kind, ratios in found["ratios"].items()
        if ratios["p95_ms"] is not None
    )
    said = f"p95 as a multiple of the baseline's ({found['version']}): {', '.join(each)}"
    return "; ".join([said, *kept])
