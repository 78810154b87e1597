"""A run from begin to finish, on a stack that is not there, with traffic that is given."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import InterruptExecution

from chaos import control, running, session, slo
from chaos.client import Alert, Reply, Silent, Stack, WorldError
from chaos.faults import Journal
from chaos.session import Refused, Session, Skipped
from chaos.unit import actions as unit
from tests.unit.chaos import world as worlds
from tests.unit.chaos.steady import EXPERIMENT, Steady
from tests.unit.chaos.test_outcome import JOURNAL, REPORT
from tests.unit.chaos.world import World


@pytest.fixture(name="world")
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(worlds.stack(tmp_path))
    world.says = "blue\n"
    monkeypatch.setattr(session, "read_inventory", lambda _name: world.stack)
    monkeypatch.setattr(session, "Client", lambda known: _to(world, known))
    monkeypatch.setattr(session, "Traffic", Steady)
    monkeypatch.delenv("DASH_CHAOS_WHY", raising=False)
    return world


def _to(world: World, known: Stack) -> World:
    world.stack = known
    return world


def journal(**changed: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(JOURNAL)), **changed}


def begun() -> Session:
    return Session.begin(EXPERIMENT)


def refused(world: World, **known: Any) -> None:
    world.stack = dataclasses.replace(world.stack, **known)


def test_a_run_leaves_a_record_and_nothing_broken(world: World, tmp_path: Path) -> None:
    run = begun()
    unit.stop("serving-1")
    unit.start("serving-1")
    document = run.finish(journal())

    assert (document["outcome"], document["reason"]) == ("passed", "")
    assert document["undone_twice"] is True
    assert json.loads((run.directory / "record.json").read_text()) == document
    assert (run.directory / "journal.json").exists()
    assert (run.directory / "experiment.log").exists()
    assert running.opened() is None
    assert Journal(tmp_path / "chaos" / "faults").read() == []
    starts = [s for _, s in world.scripts if "systemctl start dash-app" in s]
    assert len(starts) == 3, "armed on the host, undone, undone again"


def test_what_rollbacks_did_not_undo_is_undone_at_the_end_and_again(world: World) -> None:
    run = begun()
    unit.stop("serving-1")
    document = run.finish(journal())

    assert document["outcome"] == "passed"
    assert run.run.journal.read() == []
    assert len([s for _, s in world.scripts if "systemctl start dash-app" in s]) == 3


def test_an_undo_that_fails_is_said_and_kept_and_fails_the_experiment(world: World) -> None:
    run = begun()
    unit.stop("serving-1")
    world.broken.add("app-blue-1")
    told = journal()
    document = run.finish(told)

    assert document["outcome"] == "undo failed"
    assert "NOT undone (app-blue-1: no answer)" in document["reason"]
    assert told["status"] == "failed", "chaos run by hand ends with 1"
    assert len(run.run.journal.read()) == 1


def test_an_undo_that_does_harm_the_second_time_fails_the_experiment(
    world: World,
) -> None:
    run = begun()
    unit.stop("serving-1")
    unit.start("serving-1")
    world.broken.add("app-blue-1")
    document = run.finish(journal())

    assert (document["outcome"], document["undone_twice"]) == ("failed", False)


@pytest.mark.usefixtures("world")
def test_an_interrupted_run_is_undone_and_recorded_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = begun()
    unit.stop("serving-1")

    def interrupt(_self: Session) -> float | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "_settle", interrupt)
    document = run.finish(journal())

    assert document["outcome"] == "interrupted"
    assert run.run.journal.read() == []


def test_a_run_that_chaostoolkit_says_was_interrupted_waits_for_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun()
    unit.stop("serving-1")
    monkeypatch.setattr(Session, "_settle", lambda _: pytest.fail("it waits"))
    told = journal(status="interrupted")
    document = run.finish(told)

    assert (document["outcome"], told["status"]) == ("interrupted", "interrupted")
    assert [s for _, s in world.scripts if "systemctl start dash-app" in s]


class Hurried:
    """A clock that runs ahead of those who wait."""

    time = staticmethod(time.time)

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.3
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("n", "failed", "told", "well"),
    [(40, 0, False, True), (0, 0, False, False), (40, 1, False, False), (40, 0, True, False)],
    ids=["all is well", "nobody answers", "some answers are bad", "its alert is still told"],
)
def test_all_is_well_when_answers_are_good_and_its_alerts_are_over(
    world: World, monkeypatch: pytest.MonkeyPatch, n: int, failed: int, *, told: bool, well: bool
) -> None:
    about = {**EXPERIMENT["extensions"][0], "alerts": ["AppDown"]}
    run = Session.begin({**EXPERIMENT, "extensions": [about]})
    unit.stop("serving-1")
    assert run.run.watch is not None
    run.run.watch.stop()
    run.started -= 100
    run.run.faults[0] = dataclasses.replace(run.run.faults[0], at=time.time() - 90)
    run.run.watch.fired["AppDown"] = time.time() - 60
    if not told:
        run.run.watch.resolved["AppDown"] = time.time() - 50

    def read(_self: Steady) -> dict[str, Any]:
        now = int(time.time())
        rows = [{"t": now - each, "n": n, "failed": failed} for each in range(9)]
        return {**REPORT, "last_failed": None, "last_lost": None, "seconds": rows}

    monkeypatch.setattr(Steady, "read", read)
    monkeypatch.setattr(session, "time", Hurried())
    document = run.finish(journal())

    assert document["reason"] == ("" if well else "not well again 1 s after the undo")
    assert document["after_undo_seconds"] == (0 if well else None), "its alert was over before"
    assert world.told == []


def test_a_stack_that_does_not_allow_chaos_is_left_alone(world: World, tmp_path: Path) -> None:
    refused(world, chaos=False)
    with pytest.raises(Refused, match=r'set dash:chaos to "true" in infra/stacks/Pulumi\.lab\.yam'):
        begun()
    assert world.scripts == []
    assert not (tmp_path / "chaos").exists()


def test_production_wants_a_reason_which_the_record_keeps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(world, name="production")
    with pytest.raises(Refused, match=r"needs a reason: add --why \(by hand: DASH_CHAOS_WHY"):
        begun()
    monkeypatch.setenv("DASH_CHAOS_WHY", "game day")
    run = begun()
    unit.stop("serving-1")

    assert run.finish(journal())["why"] == "game day"


def test_what_a_stack_lacks_makes_a_record_of_its_own(world: World, tmp_path: Path) -> None:
    refused(world, monitor={})
    with pytest.raises(Skipped, match="it_holds: skipped: it needs a monitor"):
        begun()
    (record,) = (tmp_path / "chaos" / "runs").glob("*/record.json")
    assert json.loads(record.read_text())["outcome"] == "skipped"


def test_leftovers_are_undone_before_the_next_fault(world: World) -> None:
    first = begun()
    unit.stop("serving-1")
    fault = first.run.faults[0]
    first.finish(journal())
    worlds.gone(first.run.journal, fault)
    world.scripts.clear()

    begun().finish(journal())

    assert "systemctl start dash-app.service" in world.scripts[0][1]
    assert first.run.journal.read() == []


def test_leftovers_that_cannot_be_undone_refuse_the_next_fault(world: World) -> None:
    first = begun()
    unit.stop("serving-1")
    fault = first.run.faults[0]
    first.finish(journal())
    worlds.gone(first.run.journal, fault)
    world.broken.add("app-blue-1")

    with pytest.raises(Refused, match="NOT undone"):
        begun()
    assert running.opened() is None


def test_an_alert_from_before_refuses_the_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CALM", 0)
    world.told = [Alert(name="AppDown", labels={}, started=0)]
    about = {**EXPERIMENT["extensions"][0], "alerts": ["AppDown"]}
    with pytest.raises(Refused, match="AppDown is told already"):
        Session.begin({**EXPERIMENT, "extensions": [about]})


PREVIEW = {
    **EXPERIMENT,
    "extensions": [{**EXPERIMENT["extensions"][0], "address": "preview"}],
}


def test_own_traffic_goes_to_the_preview_address_when_the_idle_colour_is_broken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "request", lambda _path: Reply(status=200, seconds=0))
    run = Session.begin(PREVIEW)

    unit.stop("idle-1")

    assert run.run.client.stack.url == "https://127.0.0.1:2"
    assert run.finish(journal())["outcome"] == "passed"


def test_an_idle_colour_without_a_release_is_passed_over_and_the_record_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "request", lambda _path: Reply(status=503, seconds=0))
    with pytest.raises(Skipped, match="no release stands ready on the idle colour"):
        Session.begin(PREVIEW)

    (record,) = world.stack.directory.glob("chaos/runs/*/record.json")
    assert json.loads(record.read_text())["outcome"] == "skipped"


def test_a_scaled_experiment_goes_by_scaled_alerts_alone(world: World) -> None:
    """What was spent before is told for hours: that neither refuses it nor counts as found."""
    world.told = [Alert(name="BudgetBurns", labels={"slo": "availability"}, started=0)]
    about = {**EXPERIMENT["extensions"][0], "alerts": ["BudgetBurns"]}
    run = Session.begin({**EXPERIMENT, "tags": ["app", "scaled"], "extensions": [about]})
    watch = run.run.watch
    assert watch is not None
    watch.once()
    assert watch.fired == {}

    world.told.append(Alert(name="BudgetBurns", labels={"scaled": "60"}, started=0))
    watch.once()
    assert list(watch.fired) == ["BudgetBurns"]
    unit.stop("serving-1")
    world.told.pop()
    watch.once()
    run.finish(journal())


def test_the_control_ends_a_refused_experiment_before_its_method(world: World) -> None:
    refused(world, chaos=False)
    with pytest.raises(InterruptExecution, match="does not allow chaos"):
        control.before_experiment_control(EXPERIMENT)
    control.after_experiment_control(EXPERIMENT, journal())


@pytest.mark.usefixtures("world")
def test_the_control_opens_and_closes_a_run() -> None:
    control.before_experiment_control(EXPERIMENT)
    unit.stop("serving-1")
    told = journal()
    control.after_experiment_control(EXPERIMENT, told)

    assert (told["status"], running.opened()) == ("completed", None)


def test_a_silent_monitor_costs_the_budget_s_figure_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun()
    unit.stop("serving-1")

    def silent(*_: object) -> None:
        raise Silent("no answer")

    monkeypatch.setattr(world, "query", silent)
    document = run.finish(journal())
    assert (document["budget_burned"], document["outcome"]) == ({}, "passed")


def test_the_seconds_of_a_run_and_no_others_burn_its_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, float | None]] = []

    def query(expr: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        asked.append((expr, at))
        return [({}, 5.0)] if "5xx" in expr or "frontend_http_requests" in expr else []

    monkeypatch.setattr(world, "query", query)
    burned = slo.burned(world, 1000, 1600)

    assert burned["availability"] == pytest.approx(600 / (0.001 * 30 * 86400), abs=1e-6)
    assert burned["latency"] == 0, "nothing was asked of it"
    assert {at for _, at in asked} == {1600}
    assert all("[600s]" in expr and "[5m]" not in expr for expr, _ in asked)


@pytest.mark.parametrize(("bad", "total"), [(-1.0, 9.0), (0.0, 0.0), (1.0, 0.0), (float("nan"), 1)])
def test_figures_that_make_no_sense_burn_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, bad: float, total: float
) -> None:
    """A counter that began anew, and an objective that nobody used."""
    known = {
        "objectives": {"x": {"bad": "b", "all": "a", "objective": 99.9}}, "period_days": 30,
    }  # fmt: skip
    monkeypatch.setattr(slo, "objectives", lambda: known)
    monkeypatch.setattr(world, "query", lambda expr, _at: [({}, bad if expr == "b" else total)])
    assert slo.burned(world, 0, 600) == {"x": 0}


@pytest.mark.usefixtures("world")
def test_a_run_without_a_record_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    control.before_experiment_control(EXPERIMENT)
    run = control._OPEN[-1]
    unit.stop("serving-1")

    def full(_self: Session, _document: object) -> None:
        raise OSError(28, "No space left on device")

    told = journal()
    monkeypatch.setattr(Session, "_keep", full)
    with pytest.raises(OSError, match="No space left"):
        control.after_experiment_control(EXPERIMENT, told)
    assert told["status"] == "failed"
    run.stack.close()


@pytest.mark.usefixtures("world")
def test_a_service_that_is_not_well_is_not_broken_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unwell(_self: Steady) -> None:
        raise WorldError("no good answer to post")

    monkeypatch.setattr(Steady, "ready", unwell)
    with pytest.raises(WorldError):
        begun()
    assert running.opened() is None
    monkeypatch.undo()
