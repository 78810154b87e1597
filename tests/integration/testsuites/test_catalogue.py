"""Which programs make up each suite."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ops import preflight
from ops.console import UserError
from ops.testsuites import catalogue, lint, machine

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path) -> Path:
    """Return a checkout with two roles, one of them with a second scenario, and slow tests."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    files = {
        "roles/pki/molecule/default/molecule.yml": "",
        "roles/pki/molecule/alternative/molecule.yml": "",
        "roles/app_host/molecule/default/molecule.yml": "",
        "tests/e2e/test_fast.py": "def test_a(): pass",
        "tests/e2e/test_long.py": "@pytest.mark.slow\ndef test_a(): pass",
        "tests/unit/test_u.py": "",
        "run": "#!/usr/bin/env bash\n",
        "tool": "#!/bin/sh\n",
        "program.py": "#!/usr/bin/env python3\n",
        "requirements/app.txt": "",
        "a.yml": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_role_is_tested_by_one_scenario_and_by_all_of_them_with_all(checkout: Path) -> None:
    (sample,) = catalogue.parts("roles", checkout, every=False)
    assert sample.argv[-3:] == ("-m", "not slow", "tests/scenarios")
    (every,) = catalogue.parts("roles", checkout, every=True)
    assert "-m" not in every.argv[3:]


def test_long_matrices_are_parts_of_their_own_and_only_with_all(checkout: Path) -> None:
    (sample,) = catalogue.parts("e2e", checkout, every=False)
    assert sample.argv[-3:] == ("-m", "not slow", "tests/e2e")
    every = catalogue.parts("e2e", checkout, every=True)
    assert [p.name for p in every] == ["e2e", "e2e-test_long-slow"]
    assert every[1].argv[-3:] == ("-m", "slow", "tests/e2e/test_long.py")


def test_a_matrix_has_its_own_budget_and_the_sample_what_is_left(checkout: Path) -> None:
    sample, matrix = catalogue.parts("e2e", checkout, every=True)
    assert catalogue.budget(sample, 100.0) == 100.0
    assert catalogue.budget(matrix, 100.0) == catalogue.MATRIX_MINUTES * 60


def test_measured_suites_write_their_data_where_they_are_looked_for(checkout: Path) -> None:
    (unit,) = catalogue.parts("unit", checkout, every=False)
    assert unit.env["COVERAGE_FILE"] == ".dash/test/coverage/unit"
    assert "--cov" in unit.argv
    assert unit.argv[-1] == "tests/unit"


def test_part_names_are_unique_in_the_whole_run() -> None:
    names = [p.name for s in catalogue.SUITES for p in catalogue.parts(s, ROOT, every=True)]
    assert len(names) == len(set(names))


def test_shell_scripts_are_found_by_their_first_line(checkout: Path) -> None:
    assert lint.shell_scripts(checkout) == ["run", "tool"]
    assert {"dash", ".ci/run", "tools/lock"} <= set(lint.shell_scripts(ROOT))


def test_lint_looks_at_every_kind_of_file_and_asks_for_each_requirement(checkout: Path) -> None:
    parts = {p.name.removeprefix("lint-"): p.argv for p in lint.parts(checkout)}
    assert set(parts) == {
        *("ruff", "format", "mypy", "yamllint", "ansible-lint", "shellcheck"),
        *("secrets", "vulnerabilities"),
    }
    assert parts["yamllint"][-4:] == (
        "a.yml",
        *sorted(str(p.relative_to(checkout)) for p in checkout.glob("roles/*/molecule/*/*.yml")),
    )
    assert parts["vulnerabilities"][-1] == "requirements/app.txt"


def test_the_image_is_made_in_a_process_and_its_answer_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"image": "localhost/host:1", "containers_conf": "/c.conf"}
    monkeypatch.setattr(preflight, "missing", lambda _needs: [])
    monkeypatch.setattr(machine, "ENSURE", f"print('noise'); print({json.dumps(answer)!r})")
    found = machine.prepare(tmp_path, tmp_path / "log", lambda _line: None)
    assert found.env == {"DASH_TEST_IMAGE": "localhost/host:1", "CONTAINERS_CONF": "/c.conf"}


def test_an_image_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "missing", lambda _needs: [])
    monkeypatch.setattr(machine, "ENSURE", "raise RuntimeError('no space left')")
    with pytest.raises(UserError, match="no host image: RuntimeError: no space left"):
        machine.prepare(tmp_path, tmp_path / "log", lambda _line: None)


def test_missing_packages_are_named_before_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    asked: list[list[str]] = []
    monkeypatch.setattr(preflight, "missing", lambda _needs: ["podman"])
    monkeypatch.setattr(preflight, "install", lambda packages, *_: asked.append(packages))
    monkeypatch.setattr(machine, "ENSURE", 'print(\'{"image": "i", "containers_conf": ""}\')')
    found = machine.prepare(tmp_path, tmp_path / "log", said.append)
    assert asked == [["podman"]]
    assert said[0] == "installing Debian packages: podman"
    assert found.env == {"DASH_TEST_IMAGE": "i"}


def test_this_python_runs_the_suites() -> None:
    (unit,) = catalogue.parts("unit", ROOT, every=False)
    assert unit.argv[:3] == (sys.executable, "-m", "pytest")
