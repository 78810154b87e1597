"""`./dash test`: the suites one after the other, each counted, one true sum at the end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ops import tools
from ops.console import ExitCode, Timings, UserError, seconds
from ops.testsuites import catalogue, coverage, junit, lab, machine, parts, role_hosts, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ops.testsuites.parts import Outcome, Part, Place

ROOT = Path(__file__).resolve().parent.parent
KEPT_VARIABLES = ("DASH_MIRROR",)


def main(argv: list[str]) -> int:
    """Run test suites.

    Args:
        argv: names of suites (none: all), `--all`, `--restart`.

    Returns:
        0 when nothing failed, 1 when something did, 2 for a wrong command line.
    """
    options = _options(argv)
    chosen = tuple(s for s in catalogue.SUITES if not options.suites or s in options.suites)
    place = parts.Place(root=ROOT, env=environment(os.environ), say=say)
    progress = state.Progress.load(place.directory / "state.json", state.tree_hash(ROOT))
    if options.restart:
        progress.forget()
    run = Run(place=place, every=options.all, progress=progress)
    try:
        with _signals_end_the_run():
            for suite in chosen:
                run.suite(suite)
            if set(coverage.SUITES) <= set(chosen):
                run.take(coverage.check(place))
    except KeyboardInterrupt:
        run.interrupted = True
    return run.close()


def environment(environ: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """Return what the suites see: no setting of somebody's own stack reaches a test."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("DASH_") or name in KEPT_VARIABLES
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "PYTHONUNBUFFERED": "1"}


def say(line: str) -> None:
    """Show a line at once, also where the output is no terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dash test", description="Run the tests.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(catalogue.SUITES))
    parser.add_argument(
        "--all", action="store_true", help="the long matrices too; goes on where it was cut off"
    )
    parser.add_argument("--restart", action="store_true", help="forget which parts passed")
    options = parser.parse_args(argv)
    unknown = [name for name in options.suites if name not in catalogue.SUITES]
    if unknown:
        parser.error(f"there is no suite {unknown[0]!r}: choose {', '.join(catalogue.SUITES)}")
    return options


@contextmanager
def _signals_end_the_run() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into what Ctrl-C does, so that cleaning up happens."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {n: signal.signal(n, end) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Run:
    """One run of `./dash test`."""

    place: Place
    every: bool
    progress: state.Progress
    outcomes: list[Outcome] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False
    _machine: machine.Machine | UserError | None = None
    _spare: float = 0.0  # seconds that suites before left of theirs

    @property
    def timings(self) -> Timings:
        """Return how long the suites took last time."""
        return Timings(self.place.directory / "timings.json")

    def suite(self, name: str) -> None:
        """Run a suite to its end; a failure in it does not stop the next."""
        last = self.timings.last(name)
        self.place.say(f"\n== {name}" + (f" (last time {seconds(last)})" if last else ""))
        started = time.monotonic()
        todo = catalogue.parts(name, self.place.root, every=self.every)
        if not todo:
            self.take(self._not_run(name, "this suite has no tests"))
        elif todo := [part for part in todo if not self._passed_before(part)]:
            self._run(name, todo)
        self.took[name] = time.monotonic() - started
        self._spare = max(0.0, self.budget(name) - self.took[name])
        if all(o.good for o in self.outcomes if o.suite == name):
            self.timings.record(name, self.took[name])

    def budget(self, suite: str) -> float:
        """Return the seconds that a suite may take: its own, and what those before it left."""
        return catalogue.BUDGETS[suite] * 60.0 + self._spare

    def take(self, outcome: Outcome) -> None:
        """Add an outcome to the run and show it; an interrupt ends the run here."""
        self.outcomes.append(outcome)
        mark = "ok  " if outcome.good else "FAIL"
        because = f": {outcome.reason}" if outcome.reason else ""
        self.place.say(
            f"{mark} {outcome.part}: {outcome.counts} in {seconds(outcome.seconds)}{because}"
        )
        if outcome.interrupted:
            raise KeyboardInterrupt
        if self.every and outcome.good and outcome.suite in catalogue.SUITES:
            self.progress.record(outcome.part, outcome.counts, outcome.seconds)

    def close(self) -> int:
        """Print what came of it, the sum last; return the exit code."""
        self.place.say("\n== result")
        for suite in dict.fromkeys(o.suite for o in self.outcomes):
            mine = [o for o in self.outcomes if o.suite == suite]
            counts = sum((o.counts for o in mine), junit.Counts())
            earlier = sum(o.earlier for o in mine)
            note = f" ({earlier} of {len(mine)} parts passed earlier)" if earlier else ""
            self.place.say(f"{suite:<12} {counts} in {seconds(self.took.get(suite, 0.0))}{note}")
        for outcome in self.outcomes:
            if outcome.reason and (outcome.counts.failed or outcome.counts.skipped):
                word = "FAIL" if outcome.counts.failed else "SKIPPED"
                self.place.say(f"{word} {outcome.part}: {outcome.reason}")
        total = sum((o.counts for o in self.outcomes), junit.Counts())
        self.place.say(f"{'in all':<12} {seconds(sum(self.took.values()))}")
        if self.interrupted:
            self.place.say("INTERRUPTED: what stands below is not the whole run")
        self.place.say(str(total))
        failed = total.failed or self.interrupted or not self.outcomes
        return ExitCode.FAILED if failed else ExitCode.DONE

    def _passed_before(self, part: Part) -> bool:
        """Tell whether the part passed on this very tree, and count its report if so."""
        report = self.place.report(part.name)
        if not self.every or part.name not in self.progress.passed or not report.exists():
            return False
        took = self.progress.passed[part.name]["seconds"]
        self.take(
            parts.Outcome(
                part=part.name,
                suite=part.suite,
                counts=junit.read(report),
                seconds=took,
                reason="passed earlier on this very tree (--restart forgets it)",
                earlier=True,
            )
        )
        return True

    def _run(self, name: str, todo: list[Part]) -> None:
        env: dict[str, str] = {}
        if name in catalogue.NEED_MACHINE:
            try:
                env = self._prepared().env
                for tool in catalogue.TOOLS[name]:
                    tools.resolve(tool, self.place.say)
            except UserError as error:
                self.take(self._not_run(name, error.line))
                return
        if name in coverage.SUITES:
            coverage.clear(self.place, name)
        place = parts.Place(root=self.place.root, env={**self.place.env, **env}, say=say)
        if name == "e2e":
            self._with_lab(place, todo)
        elif name == "roles":
            self._with_role_hosts(place, todo)
        else:
            self._each(place, todo, self.budget(name))

    def _with_lab(self, place: Place, todo: list[Part]) -> None:
        """Run parts in a lab of their own, which is gone afterwards."""
        budget = self.budget("e2e")
        with_lab = lab.Lab(place)
        try:
            with with_lab:
                up = with_lab.up(budget)
                self.take(up)
                if up.good:
                    inside = parts.Place(
                        root=place.root, env={**place.env, **with_lab.env}, say=say
                    )
                    self._each(inside, todo, budget - up.seconds)
                else:
                    self.take(self._not_run("e2e", "the lab did not come up: NOTHING OF IT RAN"))
        finally:
            down = parts.Part(suite="e2e", name="e2e-down", argv=())
            if with_lab.wrong:
                self.take(parts.fail(down, place, "; ".join(with_lab.wrong)))

    def _with_role_hosts(self, place: Place, todo: list[Part]) -> None:
        """Run parts with no scenario's host before them and none after, whatever ended them."""
        role_hosts.remove(place.root)
        try:
            self._each(place, todo, self.budget("roles"))
        finally:
            if wrong := role_hosts.remove(place.root):
                left = parts.Part(suite="roles", name="roles-hosts", argv=())
                self.take(parts.fail(left, place, wrong))

    def _each(self, place: Place, todo: list[Part], left: float) -> None:
        for part in todo:
            allowed = catalogue.budget(part, left)
            if allowed <= 0:
                self.take(parts.fail(part, place, "not run: the suite's budget ran out"))
                continue
            place.say(f"-- {part.name}")
            outcome = parts.run(part, place, allowed)
            if allowed == left:
                left -= outcome.seconds
            self.take(outcome)

    def _prepared(self) -> machine.Machine:
        """Return the machine's containers ready to run; looked for once a run. Raises UserError."""
        if self._machine is None:
            try:
                log = self.place.directory / "logs" / "machine.log"
                self._machine = machine.prepare(self.place.root, log, self.place.say)
            except UserError as error:
                self._machine = error
        if isinstance(self._machine, UserError):
            raise self._machine
        return self._machine

    def _not_run(self, suite: str, reason: str) -> Outcome:
        part = parts.Part(suite=suite, name=f"{suite}-not-run", argv=())
        return parts.fail(part, self.place, reason)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
