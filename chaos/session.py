"""One run of one experiment: what is made sure before the fault, and what after its undo."""

from __future__ import annotations

import json
import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chaoslib.exceptions import InterruptExecution

from chaos import leftovers, levers, metadata, outcome, permission, running, slo, traffic
from chaos.alerts import Watch
from chaos.client import Client, Silent, WorldError, read_inventory, stack_name
from chaos.faults import Fault, Journal
from chaos.lock import Lock
from chaos.running import Refused, Running
from chaos.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chaos.client import Alert
    from chaos.metadata import Metadata

logger = logging.getLogger("chaostoolkit")
CALM = 120.0  # seconds that an alert of the experiment may still be told from before
ACTIVE = "awk '$1 == \"active\" {print $2}' /etc/haproxy/maps/active.map"


class Skipped(Exception):
    """The stack lacks what the experiment needs; `str()` is one line."""


@dataclass
class Session:
    """Open between `begin` and `finish`."""

    name: str
    title: str
    metadata: Metadata
    directory: Path
    run: Running
    why: str
    scaled: bool = False  # limits or windows are lowered: the real alerts are none of its own
    started: float = field(default_factory=time.time)
    stack: ExitStack = field(default_factory=ExitStack)
    problems: list[str] = field(default_factory=list)  # faults that are not undone

    @classmethod
    def begin(cls, experiment: Mapping[str, Any]) -> Session:
        """Make sure that the fault may be made, and that what it does will be seen.

        Raises:
            Refused: it may not, or somebody else runs chaos.
            Skipped: the stack lacks what it needs.
            WorldError: the service is not well, or cannot be reached.
        """
        stack, why = read_inventory(stack_name()), permission.why()
        permission.check(stack, why)
        known = metadata.of(experiment)
        client = Client(stack if known.address == "public" else replace(stack, url=stack.preview))
        title = str(experiment["title"])
        name = metadata.name_of(title)
        chaos = client.stack.directory / "chaos"
        directory = chaos / "runs" / f"{time.strftime('%Y%m%dT%H%M%S')}-{name}"
        journal = Journal(chaos / "faults")
        run, scaled = (
            Running(client=client, journal=journal),
            metadata.SCALED in experiment.get("tags", ()),
        )
        session = cls(name, title, known, directory, run, why, scaled)
        if reason := known.lacking(stack) or _idle(known, client):
            session._keep(outcome.skipped(name, title, known, reason, time.time()))
            raise Skipped(f"{name}: skipped: {reason}")
        try:
            session.stack.enter_context(Lock(chaos / "lock"))
            session._open()
        except BaseException:
            session.stack.close()
            raise
        return session

    def _open(self) -> None:
        run = self.run
        undone, left = leftovers.undo(run.client, run.journal, run.journal.left())
        for line in undone:
            logger.warning(line)
        if left:
            raise Refused(left[0])
        self.directory.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(self.directory / "experiment.log")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        self.stack.callback(handler.close)
        self.stack.callback(logger.removeHandler, handler)
        run.color = run.client.sh("edge-1", ACTIVE).strip()
        self._calm()
        run.watch = Watch(self._told)
        run.watch.start()
        self.stack.callback(run.watch.stop)
        run.client.key()
        run.traffic = Traffic.start(run.client.stack, self.directory)
        self.stack.callback(run.traffic.stop)
        logger.info("Own traffic until the end: %s", traffic.LOAD)
        run.traffic.ready()
        running.begin(run)
        self.stack.callback(running.end)

    def _calm(self) -> None:
        """Wait until no alert of the experiment is told from before. Raises Refused."""
        end = time.monotonic() + CALM
        while told := {a.name for a in self._told()} & set(self.metadata.alerts):
            if time.monotonic() > end:
                raise Refused(f"{', '.join(sorted(told))} is told already: mend that first")
            time.sleep(1)

    def _told(self) -> list[Alert]:
        """Return what somebody is told of now. Raises Silent.

        What an earlier outage spent of a budget is told for hours, and hides nothing of what the
        lowered rules say: those alerts have a label.
        """
        alerts, names = self.run.client.alerts(), self.metadata.alerts
        return [
            a
            for a in alerts
            if not self.scaled or a.name not in names or metadata.SCALED in a.labels
        ]

    def finish(self, journal: dict[str, Any]) -> dict[str, Any]:
        """Undo all of it twice, wait until all is well, and keep the record; return that."""
        run, interrupted = self.run, journal.get("status") == "interrupted"
        settled, twice = None, False
        try:
            twice = self._undo()
            settled = None if self.problems or interrupted else self._settle()
        except (KeyboardInterrupt, SystemExit, InterruptExecution) as error:
            # The record is kept all the same, and what is broken is mended first.
            logger.warning("Interrupted while it waited for the end: %s", type(error).__name__)
            twice = self._undo() and twice
            journal["status"], interrupted = "interrupted", True
        ended, report = time.time(), run.traffic.stop() if run.traffic else {}
        seen = outcome.Seen(
            metadata=self.metadata,
            journal=journal,
            report=report,
            alerts=[run.watch.document(a, run.began) for a in self.metadata.alerts]
            if run.watch
            else [],
            began=run.began,
            undone=max(run.undone.values(), default=None),
            settled=settled,
            not_undone=tuple(self.problems),
            undone_twice=twice,
            runbook=run.notes.get("runbook"),
            others=run.watch.others(self.metadata.alerts, run.began) if run.watch else {},
        )
        document = outcome.record(
            self.name, self.title, seen, started=self.started, ended=ended, why=self.why,
            burned=self._burned(ended),
        )  # fmt: skip
        self._keep(document)
        (self.directory / "journal.json").write_text(
            json.dumps(journal, indent=1, default=str), encoding="utf-8"
        )
        if document["outcome"] != "passed" and not interrupted:
            journal["status"] = "failed"
        self.stack.close()
        return document

    def _undo(self) -> bool:
        """Undo what is left, then all of it once more; tell whether that did no harm."""
        self.problems = []
        faults = {fault.id: fault for fault in reversed(self.run.faults)}
        # What was only about to be done: it may have been, when the answer was lost.
        mine = {f.id: f for f in self.run.journal.read() if not f.holder.gone} | faults
        first = {f.id for f in self.run.journal.read()} & mine.keys()
        self.problems = [p for name in first if (p := self._again(mine[name]))]
        problems = [p for name in mine.keys() - first if (p := self._again(mine[name]))]
        problems += [p for name in first if not self.problems and (p := self._again(mine[name]))]
        for line in [*self.problems, *problems]:
            logger.critical(line)
        return not problems and not self.problems

    @staticmethod
    def _again(fault: Fault) -> str:
        try:
            levers.undo_again(fault)
        except levers.NotUndone as error:
            return str(error)
        return ""

    def _settle(self) -> float | None:
        """Wait until alerts are over and answers good; return when, None when it takes too long."""
        run, end = self.run, time.monotonic() + self.metadata.settles
        while time.monotonic() < end:
            if run.well(self.metadata.alerts):
                return self._well()
            time.sleep(0.5)
        return None

    def _well(self) -> float:
        """Return when the last of it was over: not when that was noticed."""
        run = self.run
        last = traffic.last_bad(run.traffic.read()) if run.traffic else None
        over = [run.watch.resolved.get(name, 0.0) for name in self.metadata.alerts if run.watch]
        return max(*over, last or 0.0, *run.undone.values(), self.started)

    def _burned(self, until: float) -> dict[str, float]:
        try:
            return slo.burned(self.run.client, self.started, until)
        except Silent as error:
            logger.warning("What was burned of the budgets is not known: %s", error)
            return {}

    def _keep(self, document: Mapping[str, Any]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "record.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)


def _idle(known: Metadata, client: Client) -> str:
    """Return why the idle colour cannot be broken, "" when it answers or is not asked for."""
    if known.address == "preview" and not client.request("/readyz").good:
        return "no release stands ready on the idle colour: ./dash deploy --prove chaos runs it"
    return ""


__all__ = ["Refused", "Session", "Skipped", "WorldError"]
