"""The figures that a run closes with come from reports, and what broke off is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.testsuites import junit
from ops.testsuites.junit import Case, Counts

REPORT = """<?xml version="1.0"?><testsuites><testsuite name="unit" tests="6">
<testcase name="a"/><testcase name="b"/>
<testcase name="c"><failure message="x"/></testcase>
<testcase name="d"><error message="tear-down"/></testcase>
<testcase name="e"><skipped/></testcase>
<testcase name="f"><system-out>text</system-out></testcase>
</testsuite></testsuites>"""


def test_errors_count_as_failures_and_the_rest_as_what_it_is(tmp_path: Path) -> None:
    report = tmp_path / "r.xml"
    report.write_text(REPORT)
    assert junit.read(report) == Counts(passed=3, failed=2, skipped=1)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    report = tmp_path / "deep" / "r.xml"
    junit.write(
        report,
        "lint",
        [
            Case("a", 1.0),
            Case("b", 0.1, failure="<bad> & 'ugly'"),
            Case("c", 0.0, skipped="no net"),
        ],
    )
    assert junit.read(report) == Counts(1, 1, 1)


def test_a_failure_is_added_to_a_report_and_makes_one_where_none_is(tmp_path: Path) -> None:
    report = tmp_path / "r.xml"
    report.write_text(REPORT)
    junit.append_failure(report, "unit", Case("end", 0.0, failure="killed"))
    assert junit.read(report) == Counts(3, 3, 1)
    fresh = tmp_path / "fresh.xml"
    junit.append_failure(fresh, "unit", Case("end", 0.0, failure="killed"))
    assert junit.read(fresh) == Counts(failed=1)


def test_a_report_that_was_cut_short_becomes_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "r.xml"
    report.write_text(REPORT[:120])
    with pytest.raises(junit.ParseError):
        junit.read(report)
    junit.append_failure(report, "unit", Case("end", 0.0, failure="killed"))
    assert junit.read(report) == Counts(failed=1)


def test_counts_add_up_and_read_as_a_machine_reads_them() -> None:
    assert str(Counts(1, 0, 2) + Counts(4, 1, 0)) == "5 passed, 1 failed, 2 skipped"
