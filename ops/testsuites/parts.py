"""A part of a suite: one program with its budget, and how its end is judged and counted."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ops import process
from ops.testsuites import junit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\][^\x1b\x07]*(\x1b\\|\x07))|[\x00-\x1f\x7f]")
SKIPPED = 77  # what a check exits with that could not be made; its last line says why
NOTHING_COLLECTED = 5  # pytest's code when the marker expression leaves no test


@dataclass(frozen=True, kw_only=True)
class Part:
    """One program of a suite.

    Attributes:
        suite: the suite it belongs to.
        name: unique in the whole run; names its report and its log.
        argv: program and arguments.
        reports: it writes its own report (pytest); otherwise its exit code is one test.
        cwd: where it runs, relative to the checkout.
        env: variables on top of the run's own.
    """

    suite: str
    name: str
    argv: tuple[str, ...]
    reports: bool = False
    cwd: str = "."
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a part ended."""

    part: str
    suite: str
    counts: junit.Counts
    seconds: float
    reason: str = ""
    earlier: bool = False  # passed in an earlier run of the same tree
    interrupted: bool = False

    @property
    def good(self) -> bool:
        """Return whether nothing failed."""
        return not self.counts.failed and not self.interrupted


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run keeps its things and what its programs see.

    Attributes:
        root: the checkout.
        env: the programs' environment.
        say: shows one line to the person.
    """

    root: Path
    env: Mapping[str, str]
    say: Callable[[str], None]

    @property
    def directory(self) -> Path:
        """Return the directory of reports, logs and coverage data."""
        return self.root / ".dash" / "test"

    def report(self, part: str) -> Path:
        """Return the path of a part's JUnit report."""
        return self.directory / "junit" / f"{part}.xml"


def pytest(suite: str, name: str, *words: str, env: Mapping[str, str] | None = None) -> Part:
    """Return a part that runs pytest with `words`."""
    argv = (
        sys.executable,
        "-m",
        "pytest",
        f"--junitxml=.dash/test/junit/{name}.xml",
        "-o",
        f"junit_suite_name={name}",
        *words,
    )
    return Part(suite=suite, name=name, argv=argv, reports=True, env=env or {})


def run(part: Part, place: Place, budget: float) -> Outcome:
    """Run a part to its end or to the end of its budget, and write or complete its report.

    Args:
        part: what to run.
        place: where.
        budget: seconds; after them it is told to end, and killed when it does not.
    """
    started = time.monotonic()
    report = place.report(part.name)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    log = place.directory / "logs" / f"{part.name}.log"
    log.unlink(missing_ok=True)
    done = process.run(
        part.argv,
        cwd=place.root / part.cwd,
        env={**place.env, **part.env},
        log=log,
        on_line=place.say,
        budget=budget,
    )
    seconds = time.monotonic() - started
    last = next((x for x in map(plain, reversed(done.lines)) if x), "")
    reason = _reason(done, budget, last)
    if part.reports:
        reason = _complete(part, report, done.code, reason, seconds)
    else:
        skipped = done.code == SKIPPED
        case = junit.Case(
            part.name, seconds, failure="" if skipped else reason, skipped=last if skipped else ""
        )
        junit.write(report, part.suite, [case])
        reason = last if skipped else reason
    return Outcome(
        part=part.name,
        suite=part.suite,
        counts=junit.read(report),
        seconds=seconds,
        reason=reason,
        interrupted=done.interrupted,
    )


def plain(line: str) -> str:
    """Return a line without colours and control characters, which no report may hold."""
    return ESCAPE.sub("", line).strip()


def fail(part: Part, place: Place, reason: str) -> Outcome:
    """Record a part that was not run, as a failure with its reason."""
    report = place.report(part.name)
    report.unlink(missing_ok=True)
    junit.write(report, part.suite, [junit.Case(part.name, 0.0, failure=reason)])
    return Outcome(
        part=part.name, suite=part.suite, counts=junit.read(report), seconds=0.0, reason=reason
    )


def _reason(done: process.Finished, budget: float, last: str) -> str:
    """Return why it failed in words, or nothing when it did not."""
    if done.out_of_time:
        return f"not finished within its budget of {round(budget)} s"
    if done.interrupted:
        return "interrupted"
    if done.code == 0:
        return ""
    return f"exit code {done.code}: {last[:200]}"


def _complete(part: Part, report: Path, code: int, reason: str, seconds: float) -> str:
    """Make pytest's report tell the truth: one more failure where it broke off without one."""
    if code == NOTHING_COLLECTED and "-m" in part.argv[3:]:
        junit.write(report, part.suite, [])
        return "no test of this part is in this selection"
    try:
        counted = junit.read(report)
    except (OSError, junit.ParseError):
        reason = reason or "it wrote no report"
        counted = junit.Counts()
    if reason and not counted.failed:
        junit.append_failure(report, part.suite, junit.Case(part.name, seconds, failure=reason))
    return reason
