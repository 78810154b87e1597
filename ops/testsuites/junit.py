"""JUnit XML: the one source of the figures that `./dash test` closes with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import ParseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Case", "Counts", "ParseError", "append_failure", "read", "write"]


@dataclass(frozen=True)
class Counts:
    """How many tests ended in which way."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Case:
    """One check that is not a pytest test: at most one of the two reasons is set."""

    name: str
    seconds: float
    failure: str = ""
    skipped: str = ""


def read(path: Path) -> Counts:
    """Return what a report says; an error in set-up or tear-down counts as a failure.

    Raises:
        OSError: there is no report.
        ParseError: it was cut short.
    """
    counts = Counts()
    for case in ET.parse(path).iter("testcase"):  # noqa: S314 -- written by our own run
        if case.find("failure") is not None or case.find("error") is not None:
            counts += Counts(failed=1)
        elif case.find("skipped") is not None:
            counts += Counts(skipped=1)
        else:
            counts += Counts(passed=1)
    return counts


def write(path: Path, suite: str, cases: Sequence[Case]) -> None:
    """Write a report of checks that are not pytest's."""
    root = ET.Element("testsuites")
    element = ET.SubElement(root, "testsuite", name=suite, tests=str(len(cases)))
    for case in cases:
        node = ET.SubElement(
            element, "testcase", classname=suite, name=case.name, time=f"{case.seconds:.3f}"
        )
        if case.failure:
            ET.SubElement(node, "failure", message=case.failure)
        elif case.skipped:
            ET.SubElement(node, "skipped", message=case.skipped)
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def append_failure(path: Path, suite: str, case: Case) -> None:
    """Add a failed case to a report, or make one: a run that broke off must not look complete."""
    try:
        tree = ET.parse(path)  # noqa: S314 -- written by our own run
    except (OSError, ParseError):
        write(path, suite, [case])
        return
    element = tree.find(".//testsuite")
    node = ET.SubElement(
        tree.getroot() if element is None else element,
        "testcase",
        classname=suite,
        name=case.name,
        time=f"{case.seconds:.3f}",
    )
    ET.SubElement(node, "failure", message=case.failure)
    tree.write(path, encoding="utf-8", xml_declaration=True)
