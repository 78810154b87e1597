"""What proves each alert: a case, an experiment that fires it, how soon, and a runbook.

Experiments (`chaos/experiments`), what they measured (`chaos/detections.toml`) and why some alerts
have none (`chaos/unfired.toml`) are documents: nothing of chaos is imported.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

CHAOS = Path(__file__).resolve().parents[1] / "chaos"
OPEN = "no experiment yet"
SCALED = "scaled"  # the tag of an experiment in which the windows of objectives are shorter


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What the matrix must know of an experiment."""

    name: str
    alerts: tuple[str, ...]
    runbook: str | None = None
    scaled: bool = False

    @classmethod
    def read(cls, path: Path) -> Experiment:
        """Return an experiment as its file tells of itself."""
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        [ours] = [e for e in document["extensions"] if e["name"] == "dash"]
        return cls(
            name=path.stem,
            alerts=tuple(ours.get("alerts", ())),
            runbook=ours.get("runbook"),
            scaled=SCALED in document.get("tags", ()),
        )


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What stands behind one alert."""

    alert: str
    experiments: tuple[Experiment, ...] = ()
    measured: dict[str, Any] | None = None
    reason: str | None = None
    todo: bool = False

    def cells(self) -> tuple[str, str, str]:
        """Return the experiment, the time it took to tell, and the runbook."""
        return self._experiment(), self._time(), self._runbook()

    def _experiment(self) -> str:
        if self.measured is not None:
            return f"`{self.measured['experiment']}`"
        if self.todo and self.experiments:
            return ", ".join(f"`{one.name}`" for one in self.experiments)
        return self.reason or ""

    def _time(self) -> str:
        if self.measured is not None:
            of = {one.name: one for one in self.experiments}.get(self.measured["experiment"])
            return f"{self.measured['seconds']:g} s{', scaled' if of and of.scaled else ''}"
        return "" if self.reason is None else "to be measured" if self.todo else "unit test alone"

    def _runbook(self) -> str:
        run = [f"`{one.name}`" for one in self.experiments if one.runbook == self.alert]
        link = f"[runbook](../runbooks/{self.alert}.md)"
        return f"{link}, run in {', '.join(run)}" if run else link


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The three documents, as they are."""

    experiments: tuple[Experiment, ...] = ()
    measured: dict[str, dict[str, Any]] = field(default_factory=dict)
    unfired: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path = CHAOS) -> Matrix:
        """Return what lies in the folder of chaos."""
        files = sorted((folder / "experiments").glob("*.yaml"))
        return cls(
            experiments=tuple(map(Experiment.read, files)),
            measured=_toml(folder / "detections.toml"),
            unfired=_toml(folder / "unfired.toml"),
        )

    def proof(self, alert: str) -> Proof:
        """Return what stands behind an alert."""
        why = self.unfired.get(alert, {})
        todo = bool(why.get("todo"))
        return Proof(
            alert=alert,
            experiments=tuple(one for one in self.experiments if alert in one.alerts),
            measured=self.measured.get(alert),
            reason=OPEN if todo else why.get("reason"),
            todo=todo,
        )

    def counted(self, alerts: Iterable[str]) -> str:
        """Return how many alerts are proven by what, as a sentence."""
        proofs = [self.proof(alert) for alert in alerts]
        fired = sum(proof.measured is not None for proof in proofs)
        todo = sum(proof.todo for proof in proofs)
        told = (
            f"Of {len(proofs)} alerts {fired} fired in an experiment of the lab, as measured; "
            f"{len(proofs) - fired - todo} cannot be made to fire there and lean on their unit test"
        )
        return f"{told}; {todo} are still to be made to fire." if todo else f"{told}."

    def faults(self, alerts: Iterable[str]) -> list[str]:
        """Return what is wrong with the documents, a line each: an empty cell, a claim too much."""
        known = list(alerts)
        made = {one.name: one for one in self.experiments}
        found = [
            f"{alert}: no experiment fired it and chaos/unfired.toml has no reason"
            for alert in known
            if alert not in self.measured and not _reason(self.unfired.get(alert, {}))
        ]
        for alert, figures in self.measured.items():
            one = made.get(figures["experiment"])
            if one is None or alert not in one.alerts:
                found.append(
                    f"{alert}: chaos/detections.toml names {figures['experiment']}, which is no "
                    "experiment that fires it"
                )
            if alert in self.unfired:
                found.append(f"{alert}: it fired; take it out of chaos/unfired.toml")
        named = {*self.measured, *self.unfired, *(a for e in made.values() for a in e.alerts)}
        return found + [f"{alert}: there is no such alert" for alert in sorted(named - {*known})]


def _reason(entry: dict[str, Any]) -> bool:
    return entry.get("todo") is True or len(str(entry.get("reason", "")).split()) > 3  # noqa: PLR2004 -- a sentence


def _toml(path: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
