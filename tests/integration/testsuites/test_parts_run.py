"""One program of a suite: judged by its exit code, its report and its budget."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ops.testsuites import junit, parts
from ops.testsuites.junit import Counts
from ops.testsuites.parts import Part, Place


@pytest.fixture(name="said")
def _said() -> list[str]:
    return []


@pytest.fixture(name="place")
def _place(tmp_path: Path, said: list[str]) -> Place:
    return Place(root=tmp_path, env=dict(os.environ), say=said.append)


def python(code: str, *, reports: bool = False, words: tuple[str, ...] = ()) -> Part:
    """Return a part that runs a line of Python."""
    return Part(suite="s", name="part", argv=(sys.executable, "-c", code, *words), reports=reports)


def test_exit_code_0_is_one_test_passed_and_its_lines_are_shown(
    place: Place, said: list[str]
) -> None:
    outcome = parts.run(python("print('hello')"), place, 30)
    assert outcome.counts == Counts(passed=1)
    assert said == ["hello"]
    assert junit.read(place.report("part")) == Counts(passed=1)


def test_another_exit_code_is_a_failure_with_the_last_line_as_its_reason(place: Place) -> None:
    code = r"import sys; print('a\n\x1b[31mbad thing\x1b[0m\n'); sys.exit(3)"
    outcome = parts.run(python(code), place, 30)
    assert outcome.counts == Counts(failed=1)
    assert outcome.reason == "exit code 3: bad thing"
    assert not outcome.good


def test_exit_code_77_is_a_check_that_could_not_be_made(place: Place) -> None:
    outcome = parts.run(python("import sys; print('no network'); sys.exit(77)"), place, 30)
    assert outcome.counts == Counts(skipped=1)
    assert outcome.reason == "no network"


def test_a_program_past_its_budget_is_ended_and_failed(place: Place) -> None:
    outcome = parts.run(python("import time; time.sleep(60)"), place, 0.5)
    assert outcome.counts == Counts(failed=1)
    assert "budget" in outcome.reason
    assert outcome.seconds < 30


def test_an_old_report_is_never_taken_for_a_new_one(place: Place) -> None:
    junit.write(place.report("part"), "s", [junit.Case("old", 0.0)] * 5)
    outcome = parts.run(python("pass", reports=True), place, 30)
    assert outcome.counts == Counts(failed=1)
    assert outcome.reason == "it wrote no report"


def test_a_bad_end_after_good_tests_adds_one_failure(place: Place) -> None:
    report = str(place.report("part"))
    code = (
        "import sys; open(sys.argv[1], 'w').write("
        "'<testsuites><testsuite><testcase name=\"a\"/></testsuite></testsuites>'); sys.exit(2)"
    )
    outcome = parts.run(python(code, reports=True, words=(report,)), place, 30)
    assert outcome.counts == Counts(passed=1, failed=1)


def test_an_empty_selection_by_marker_is_no_failure(place: Place) -> None:
    chosen = python("import sys; sys.exit(5)", reports=True, words=("-m", "slow"))
    assert parts.run(chosen, place, 30).counts == Counts()
    everything = python("import sys; sys.exit(5)", reports=True)
    assert parts.run(everything, place, 30).counts == Counts(failed=1)


def test_what_was_not_run_is_a_failure_with_its_reason(place: Place) -> None:
    outcome = parts.fail(python("pass"), place, "no podman")
    assert outcome.counts == Counts(failed=1)
    assert outcome.reason == "no podman"


def test_a_real_pytest_run_is_counted(tmp_path: Path, place: Place) -> None:
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2\n"
        "@pytest.mark.skipif(True, reason='x')\ndef test_skipped(): pass\n"
        "@pytest.fixture\ndef broken():\n    yield\n    raise RuntimeError\n"
        "def test_bad_end(broken): pass\n"
    )
    bare = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sample = parts.pytest("s", "sample", "-q", "test_sample.py", env=bare)
    outcome = parts.run(sample, place, 60)
    assert outcome.counts.skipped == 1
    assert outcome.counts.failed == 2
