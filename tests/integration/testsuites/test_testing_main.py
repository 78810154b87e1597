"""`./dash test` as a person and a build server see it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ops import testing, tools
from ops.console import UserError
from ops.testsuites import catalogue, coverage, machine, parts, state
from ops.testsuites.parts import Part

GOOD = "pass"
BAD = "import sys; sys.exit('bad thing')"
CLOSING = re.compile(r"\d+ passed, \d+ failed, \d+ skipped")
Programs = dict[str, Sequence[str]]


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(testing, "ROOT", tmp_path)
    monkeypatch.setattr(state, "tree_hash", lambda _root: (tmp_path / "tree").read_text())
    (tmp_path / "tree").write_text("one")
    return tmp_path


@pytest.fixture(name="suites")
def _suites(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Programs], None]:
    """Make each suite a list of one-line programs; coverage and the machine are always fine."""
    assert not (checkout / ".dash").exists()

    def make(programs: Programs) -> None:
        def found(suite: str, _root: Path, *, every: bool) -> list[Part]:
            codes = [c for c in programs.get(suite, [GOOD]) if every or "slow" not in c]
            return [
                Part(suite=suite, name=f"{suite}-{i}", argv=(sys.executable, "-c", code))
                for i, code in enumerate(codes)
            ]

        monkeypatch.setattr(catalogue, "parts", found)
        monkeypatch.setattr(catalogue, "SUITES", ("lint", "unit", "integration", "infra"))
        ready = machine.Machine(image="image", containers_conf="")
        monkeypatch.setattr(machine, "prepare", lambda *_: ready)
        monkeypatch.setattr(tools, "resolve", lambda *_: checkout)
        nothing = Part(suite="coverage", name="coverage", argv=())
        monkeypatch.setattr(
            coverage, "check", lambda place: parts.run(nothing_to_run(nothing), place, 10)
        )

    return make


def nothing_to_run(part: Part) -> Part:
    """Return the part with a program that passes."""
    return Part(suite=part.suite, name=part.name, argv=(sys.executable, "-c", GOOD))


def last_line(text: str) -> str:
    """Return the last line of an output."""
    return text.splitlines()[-1]


def test_all_suites_run_and_the_last_line_is_their_sum(
    suites: Callable[[Programs], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    suites({"lint": [GOOD, GOOD], "unit": ["import sys; print('no net'); sys.exit(77)"]})
    assert testing.main([]) == 0
    out = capsys.readouterr().out
    assert last_line(out) == "5 passed, 0 failed, 1 skipped"
    assert "SKIPPED unit-0: no net" in out
    assert len([x for x in out.splitlines() if CLOSING.fullmatch(x)]) == 1


def test_a_failure_does_not_stop_the_others_and_ends_with_1(
    suites: Callable[[Programs], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    suites({"lint": [BAD, GOOD]})
    assert testing.main([]) == 1
    out = capsys.readouterr().out
    assert last_line(out) == "5 passed, 1 failed, 0 skipped"
    assert "FAIL lint-0: exit code 1: bad thing" in out


def test_one_suite_by_name_runs_alone_and_without_thresholds(
    suites: Callable[[Programs], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    suites({})
    assert testing.main(["unit"]) == 0
    out = capsys.readouterr().out
    assert last_line(out) == "1 passed, 0 failed, 0 skipped"
    assert "coverage" not in out


def test_an_unknown_suite_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        testing.main(["unti"])
    assert ended.value.code == 2
    assert "there is no suite 'unti': choose lint, unit" in capsys.readouterr().err


def test_without_a_machine_for_containers_the_suite_fails_and_says_why(
    suites: Callable[[Programs], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suites({})

    def prepare(*_args: object) -> machine.Machine:
        raise UserError("no host image: podman is not installed")

    monkeypatch.setattr(machine, "prepare", prepare)
    assert testing.main(["integration"]) == 1
    assert "FAIL integration-not-run: no host image" in capsys.readouterr().out


def test_the_programs_of_a_suite_are_got_before_any_of_its_parts_runs(
    checkout: Path, suites: Callable[[Programs], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    suites({"integration": [f"open({str(checkout / 'ran')!r}, 'w')"]})
    got: dict[str, bool] = {}

    def resolve(name: str, _tell: object) -> Path:
        got[name] = (checkout / "ran").exists()
        return checkout

    monkeypatch.setattr(tools, "resolve", resolve)
    assert testing.main(["integration"]) == 0
    assert (checkout / "ran").exists()
    assert got == {"loki": False, "otelcol": False}


def test_without_one_of_its_programs_the_suite_fails_and_says_why(
    checkout: Path,
    suites: Callable[[Programs], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suites({"integration": [f"open({str(checkout / 'ran')!r}, 'w')"]})

    def resolve(name: str, _tell: object) -> Path:
        raise UserError(f"{name} cannot be had: put it on PATH")

    monkeypatch.setattr(tools, "resolve", resolve)
    assert testing.main(["integration"]) == 1
    assert "FAIL integration-not-run: loki cannot be had: put it" in capsys.readouterr().out
    assert not (checkout / "ran").exists()


def test_suites_with_containers_name_programs_of_the_manifest() -> None:
    assert set(catalogue.TOOLS) == set(catalogue.NEED_MACHINE)
    assert {t for each in catalogue.TOOLS.values() for t in each} <= set(tools.manifest())


def test_all_goes_on_where_it_was_cut_off_and_counts_everything(
    checkout: Path,
    suites: Callable[[Programs], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    suites({"lint": [GOOD, "'slow'", BAD]})
    assert testing.main(["lint", "--all"]) == 1
    assert last_line(capsys.readouterr().out) == "2 passed, 1 failed, 0 skipped"
    mark = checkout / "ran"
    suites({"lint": [f"open({str(mark)!r}, 'w')", "'slow'", GOOD]})
    assert testing.main(["lint", "--all"]) == 0
    out = capsys.readouterr().out
    assert "passed earlier on this very tree" in out
    assert last_line(out) == "3 passed, 0 failed, 0 skipped"
    assert not mark.exists()


@pytest.mark.parametrize("why", ["another tree", "--restart"])
def test_all_begins_anew_for_another_tree_or_when_told(
    checkout: Path,
    suites: Callable[[Programs], None],
    why: str,
) -> None:
    suites({"lint": [GOOD]})
    assert testing.main(["lint", "--all"]) == 0
    mark = checkout / "ran"
    suites({"lint": [f"open({str(mark)!r}, 'w')"]})
    words = ["lint", "--all"]
    if why == "--restart":
        words.append(why)
    else:
        (checkout / "tree").write_text("two")
    assert testing.main(words) == 0
    assert mark.exists()


def test_no_setting_of_somebodys_stack_reaches_a_test() -> None:
    given = {"DASH_LAB": "mine", "DASH_STACK": "production", "DASH_MIRROR": "/m", "HOME": "/h"}
    seen = testing.environment(given)
    assert not {"DASH_LAB", "DASH_STACK"} & set(seen)
    assert seen["DASH_MIRROR"] == "/m"
    assert seen["HOME"] == "/h"
    assert seen["PATH"].startswith(str(Path(sys.executable).parent))


def test_the_budgets_of_the_fixed_sample_end_before_a_build_server_does() -> None:
    assert sum(catalogue.BUDGETS.values()) + 5 < 90
    assert set(catalogue.BUDGETS) == set(catalogue.MAKERS)


def test_what_a_suite_leaves_of_its_minutes_goes_to_those_after_it(
    suites: Callable[[Programs], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "BUDGETS", {"lint": 2, "unit": 3, "integration": 0, "infra": 1})
    allowed: dict[str, float] = {}
    real = parts.run

    def seen(part: Part, place: parts.Place, budget: float) -> parts.Outcome:
        allowed[part.name] = budget
        return real(part, place, budget)

    monkeypatch.setattr(parts, "run", seen)
    suites({"unit": ["import time; time.sleep(1)"]})
    assert testing.main([]) == 0
    assert allowed["lint-0"] == 120
    assert 240 < allowed["unit-0"] < 300
    assert 239 < allowed["integration-0"] < allowed["unit-0"] - 1
    assert allowed["infra-0"] > 239 + 55
