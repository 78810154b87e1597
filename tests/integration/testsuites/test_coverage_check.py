"""Coverage is counted by package over lines, and held against what is wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ops.testsuites import coverage
from ops.testsuites.junit import Counts
from ops.testsuites.parts import Place


def summary(covered: int, lines: int) -> object:
    """Return a file's figures as `coverage json` writes them."""
    return {"summary": {"covered_lines": covered, "num_statements": lines}}


def test_lines_of_a_package_are_added_up() -> None:
    document = {
        "files": {
            "app/a.py": summary(9, 12),
            "app/deep/b.py": summary(0, 8),
            "ops/c.py": summary(5, 5),
            "apples/d.py": summary(0, 100),
        }
    }
    figures = coverage.percentages(document, {"app": 90.0, "ops": 80.0})
    assert figures == {"app": 45.0, "ops": 100.0}


def test_a_package_of_which_nothing_ran_is_0_not_100() -> None:
    assert coverage.percentages({"files": {}}, {"app": 90.0}) == {"app": 0.0}


def test_a_suite_without_data_fails_the_check(tmp_path: Path) -> None:
    place = Place(root=tmp_path, env={}, say=lambda _line: None)
    outcome = coverage.check(place)
    assert outcome.counts == Counts(failed=1)
    assert outcome.reason == "no coverage data of unit, integration, infra"


@pytest.fixture(name="measured", scope="module")
def _measured(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a checkout in which each suite ran one of three functions of `app`."""
    tmp_path = tmp_path_factory.mktemp("measured")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text(
        "def a():\n    return 1\ndef b():\n    return 2\ndef c():\n    return 3\n"
    )
    place = Place(root=tmp_path, env={}, say=lambda _line: None)
    for suite, function in zip(coverage.SUITES, "abc", strict=True):
        file = coverage.data_file(place, suite)
        file.parent.mkdir(parents=True, exist_ok=True)
        words = ["-m", "coverage", "run", f"--data-file={file}", "--source=app", "call.py"]
        (tmp_path / "call.py").write_text(f"import app\napp.{function}()\n")
        subprocess.run([sys.executable, *words], cwd=tmp_path, check=True, timeout=30)
    return place


def test_the_suites_are_combined_and_one_can_be_seen_apart(
    measured: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "WANTED", {"app": 90.0})
    together = coverage.measure(measured, "all", coverage.SUITES)
    alone = coverage.measure(measured, "integration", ("integration",))
    assert together == {"app": 100.0}
    assert alone["app"] == pytest.approx(100 * 4 / 6)
    assert coverage.check(measured).counts == Counts(passed=1)


def test_a_package_below_what_is_wanted_fails_with_its_figure(
    measured: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "WANTED", {"app": 90.0, "ops": 80.0})
    outcome = coverage.check(measured)
    assert outcome.counts == Counts(passed=1, failed=1)
    assert outcome.reason == "ops: 0.0 % of lines ran, 80 % wanted"


def test_clearing_removes_the_data_of_one_suite(tmp_path: Path) -> None:
    place = Place(root=tmp_path, env={}, say=lambda _line: None)
    for name in ("unit", "unit.host.1", "infra"):
        file = coverage.data_file(place, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    coverage.clear(place, "unit")
    assert [p.name for p in file.parent.iterdir()] == ["infra"]
