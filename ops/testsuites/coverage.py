"""Coverage of our packages over the suites that run in Python: combined, and integration apart."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from ops.testsuites import junit
from ops.testsuites.parts import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ops.testsuites.parts import Place

SUITES = ("unit", "integration", "infra")
WANTED: Mapping[str, float] = {
    "app": 90.0,
    "ops": 80.0,
    "infra": 80.0,
    "chaos": 80.0,
    "loadtests": 80.0,
    "monitoring": 80.0,
    "ansible_collections/dash": 80.0,
}


def data_file(place: Place, suite: str) -> Path:
    """Return where a suite's coverage data lie."""
    return place.directory / "coverage" / suite


def clear(place: Place, suite: str) -> None:
    """Remove a suite's data, those of its subprocesses too."""
    for path in data_file(place, suite).parent.glob(f"{suite}*"):
        path.unlink()


def percentages(document: Mapping[str, object], packages: Mapping[str, float]) -> dict[str, float]:
    """Return the share of lines of each package that ran.

    Args:
        document: what `coverage json` wrote.
        packages: their folders.

    Returns:
        Percent by package; a package of which nothing was measured is 0.
    """
    files = document["files"]
    if not isinstance(files, dict):
        raise TypeError("coverage json has no files")
    result = {}
    for package in packages:
        ran = wanted = 0
        for path, file in files.items():
            if path.startswith(f"{package}/"):
                summary = file["summary"]
                ran += summary["covered_lines"]
                wanted += summary["num_statements"]
        result[package] = 100.0 * ran / wanted if wanted else 0.0
    return result


def measure(place: Place, name: str, suites: tuple[str, ...]) -> dict[str, float]:
    """Combine the data of some suites and return percent by package.

    Raises:
        subprocess.CalledProcessError: coverage could not read them.
    """
    combined = data_file(place, f"combined-{name}")
    report = combined.with_suffix(".json")
    data = [str(data_file(place, suite)) for suite in suites]
    for words in (
        ["combine", "--keep", "--quiet", f"--data-file={combined}", *data],
        ["json", "--quiet", "--ignore-errors", f"--data-file={combined}", "-o", str(report)],
    ):
        subprocess.run(
            [sys.executable, "-m", "coverage", *words],
            cwd=place.root,
            check=True,
            capture_output=True,
            text=True,
        )
    return percentages(json.loads(report.read_text("utf-8")), WANTED)


def table(figures: Mapping[str, float]) -> str:
    """Return figures for a line."""
    return ", ".join(f"{package} {percent:.1f} %" for package, percent in figures.items())


def check(place: Place) -> Outcome:
    """Hold every package against what is wanted of it: one test each."""
    absent = [suite for suite in SUITES if not data_file(place, suite).exists()]
    if absent:
        reason = f"no coverage data of {', '.join(absent)}"
        return _outcome(place, [junit.Case("data", 0.0, failure=reason)])
    try:
        figures = measure(place, "all", SUITES)
        place.say(f"integration alone: {table(measure(place, 'integration', ('integration',)))}")
    except subprocess.CalledProcessError as error:
        reason = f"coverage {error.cmd[3]}: {(error.stderr or error.stdout).strip()[-300:]}"
        return _outcome(place, [junit.Case("data", 0.0, failure=reason)])
    place.say(f"{' + '.join(SUITES)}: {table(figures)}")
    cases = []
    for package, percent in figures.items():
        short = f"{package}: {percent:.1f} % of lines ran, {WANTED[package]:.0f} % wanted"
        cases.append(junit.Case(package, 0.0, failure=short if percent < WANTED[package] else ""))
    return _outcome(place, cases)


def _outcome(place: Place, cases: list[junit.Case]) -> Outcome:
    report = place.report("coverage")
    junit.write(report, "coverage", cases)
    return Outcome(
        part="coverage",
        suite="coverage",
        counts=junit.read(report),
        seconds=0.0,
        reason="; ".join(case.failure for case in cases if case.failure),
    )
