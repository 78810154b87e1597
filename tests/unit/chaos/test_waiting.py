"""What waits for the world to be well: never too short, and no longer than it may."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from chaos import runbook, running, suite
from chaos.alerts import Watch
from chaos.client import WorldError
from chaos.runbook import actions as following
from chaos.running import Refused, Running
from chaos.traffic import Traffic
from chaos.traffic import probes as traffic
from chaos.unit import actions as unit
from tests.unit.chaos.world import opened

BEGAN = 1_000_000.0


class Clock:
    """A clock that only those who wait move."""

    def __init__(self) -> None:
        self.now = BEGAN

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Answers(Traffic):
    """Own traffic: so many answers a second, bad ones in some of them."""

    def __init__(self, clock: Clock, n: int = 40, bad: tuple[int, ...] = ()) -> None:
        self._clock, self._n, self._bad = clock, n, bad

    def read(self) -> dict[str, Any]:
        seconds = range(int(BEGAN) - 20, int(self._clock.now))
        rows = [{"t": t, "n": self._n, "failed": int(t - BEGAN in self._bad)} for t in seconds]
        return {"seconds": rows, "summary": "so it is"}


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(traffic, "time", clock)
    monkeypatch.setattr(following, "time", clock)
    monkeypatch.setattr(running, "time", clock)
    return clock


@pytest.mark.parametrize(("bad", "took"), [((), 6.5), ((3,), 9.0), ((3, 7), 13.0)])
def test_good_seconds_from_before_the_fault_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, bad: tuple[int, ...], took: float
) -> None:
    """Five whole seconds after the fault, and after whatever was bad."""
    with opened(tmp_path) as (run, _):
        monkeypatch.setattr(Running, "began", property(lambda _: BEGAN))
        run.traffic = Answers(clock, bad=bad)
        assert traffic.good_again(60) == took
        run.traffic = Answers(clock, bad=tuple(range(200)))
        with pytest.raises(WorldError, match="answers are still bad 60 s on: so it is"):
            traffic.good_again(60)


@pytest.fixture(name="page")
def _page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runbook of an alert, which a test writes."""
    for module in (runbook, following):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "docs" / "runbooks").mkdir(parents=True)
    page = tmp_path / "docs" / "runbooks" / "AppDown.md"
    page.write_text("```sh mend\ntrue\n```\n")
    return page


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("n", "bad", "told", "mended"),
    [(40, (), False, True), (0, (), False, False), (40, (-3, 40), True, False),
     (40, tuple(range(-20, 99)), False, False), (40, (), True, False)],
    ids=["well", "nobody answers", "told", "bad answers", "good answers, and told"],
)  # fmt: skip
def test_a_runbook_mends_when_answers_are_good_and_its_alert_is_over(
    tmp_path: Path, clock: Clock, n: int, bad: tuple[int, ...], *, told: bool, mended: bool
) -> None:
    with opened(tmp_path) as (run, world):
        run.watch = Watch(world.alerts)
        run.watch.fired["AppDown"] = BEGAN
        if not told:
            run.watch.resolved["AppDown"] = BEGAN
        run.traffic = Answers(clock, n, bad)
        if mended:
            assert following.follow("AppDown", 30) == ["true"]
        else:
            with pytest.raises(WorldError, match="true: AppDown is still told, or answers are bad"):
                following.follow("AppDown", 30)

        assert run.notes["runbook"]["mended"] == mended


def test_a_command_of_a_runbook_that_fails_is_the_last_and_says_why(
    tmp_path: Path, page: Path
) -> None:
    page.write_text("```sh mend\necho no such host >&2; exit 3\ntouch second\n```\n")
    with opened(tmp_path), pytest.raises(WorldError, match="exit 3: ended with 3: no such host"):
        following.follow("AppDown", 30)
    assert not (tmp_path / "second").exists()


def test_one_run_is_open_in_a_process(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, _):
        with pytest.raises(Refused, match="a run is open in this process already"):
            running.begin(run)
        unit.stop("serving-1")
        assert len(run.faults) == 1


class Process:
    """A run that is told to stop."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def send_signal(self, number: int) -> None:
        self.told.append(number)


def test_a_second_ctrl_c_does_not_end_the_undoing(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with suite._Stopping() as stopping:
        process = Process()
        stopping.process = process  # type: ignore[assignment] # all that is asked of it
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)

    assert process.told == [signal.SIGINT]
    assert capsys.readouterr().err.count("interrupted: it is undone first") == 1
    assert signal.getsignal(signal.SIGINT) == before
    assert time.time() > BEGAN
