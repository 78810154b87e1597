"""How a run of `./dash test` treats its end-to-end lab."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from ops import testing, tools
from ops.testsuites import catalogue, lab, machine, parts, state
from ops.testsuites.junit import Counts
from ops.testsuites.parts import Outcome, Part, Place

GOOD = "import os, pathlib; pathlib.Path('ran').write_text(os.environ['DASH_LAB'])"


@dataclass
class FakeLab:
    """A lab that comes up or not, and goes down or not."""

    place: Place
    comes_up: bool = True
    stays: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        return {"DASH_LAB": "e2efake"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        self.events.append("down")
        self.wrong = self.stays

    def up(self, _budget: float) -> Outcome:
        self.events.append("up")
        counts = Counts(passed=1) if self.comes_up else Counts(failed=1)
        reason = "" if self.comes_up else "exit code 1: no disk"
        return Outcome(part="e2e-up", suite="e2e", counts=counts, seconds=1.0, reason=reason)


@pytest.fixture(name="run")
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, FakeLab]]:
    """Return a function that runs the suite e2e with a program and a fake lab."""
    monkeypatch.setattr(testing, "ROOT", tmp_path)
    monkeypatch.setattr(state, "tree_hash", lambda _root: "tree")
    ready = machine.Machine(image="image", containers_conf="")
    monkeypatch.setattr(machine, "prepare", lambda *_: ready)
    monkeypatch.setattr(tools, "resolve", lambda *_: tmp_path)

    def run(code: str, **settings: object) -> tuple[int, FakeLab]:
        fake = FakeLab(
            Place(root=tmp_path, env={}, say=testing.say),
            **settings,  # type: ignore[arg-type] # a test's own words
        )
        program = Part(suite="e2e", name="e2e", argv=(sys.executable, "-c", code))
        monkeypatch.setattr(catalogue, "parts", lambda *_args, **_kw: [program])
        monkeypatch.setattr(lab, "Lab", lambda _place: fake)
        return testing.main(["e2e"]), fake

    return run


def closing(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return everything that was shown, and the last line of it."""
    out = capsys.readouterr().out
    return out, out.splitlines()[-1]


def test_the_tests_see_their_own_lab_and_it_is_taken_down(
    run: Callable[..., tuple[int, FakeLab]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, fake = run(GOOD)
    assert code == 0
    assert (tmp_path / "ran").read_text() == "e2efake"
    assert fake.events == ["up", "down"]
    assert closing(capsys)[1] == "2 passed, 0 failed, 0 skipped"


def test_without_a_lab_nothing_of_it_runs_and_that_is_a_failure(
    run: Callable[..., tuple[int, FakeLab]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, fake = run(GOOD, comes_up=False)
    out, last = closing(capsys)
    assert code == 1
    assert not (tmp_path / "ran").exists()
    assert fake.events == ["up", "down"]
    assert "NOTHING OF IT RAN" in out
    assert last == "0 passed, 2 failed, 0 skipped"


def test_failing_tests_still_end_with_the_lab_taken_down(
    run: Callable[..., tuple[int, FakeLab]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, fake = run("raise SystemExit(1)")
    assert code == 1
    assert fake.events == ["up", "down"]
    assert closing(capsys)[1] == "1 passed, 1 failed, 0 skipped"


def test_something_that_stays_behind_is_a_failure_of_its_own(
    run: Callable[..., tuple[int, FakeLab]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _fake = run(GOOD, stays=["still there: container dash-e2efake-lab-db-1"])
    out, last = closing(capsys)
    assert code == 1
    assert "FAIL e2e-down: still there: container dash-e2efake-lab-db-1" in out
    assert last == "2 passed, 1 failed, 0 skipped"


def test_an_interrupt_takes_the_lab_down_and_ends_the_run(
    run: Callable[..., tuple[int, FakeLab]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(part: Part, _place: Place, _budget: float) -> Outcome:
        return Outcome(
            part=part.name,
            suite=part.suite,
            counts=Counts(failed=1),
            seconds=0.1,
            reason="interrupted",
            interrupted=True,
        )

    monkeypatch.setattr(parts, "run", interrupted)
    code, fake = run(GOOD)
    out, last = closing(capsys)
    assert code == 1
    assert fake.events == ["up", "down"]
    assert "INTERRUPTED" in out
    assert last == "1 passed, 1 failed, 0 skipped"
