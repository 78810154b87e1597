"""Faults: written down before they are done, undone by whoever finds them."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos import leftovers, levers, running
from chaos.client import WorldError
from chaos.faults import Holder, Journal, JournalError
from chaos.lock import Lock, LockedError
from chaos.running import Refused
from chaos.unit import actions as unit
from tests.unit.chaos import world as worlds
from tests.unit.chaos.world import World, opened


def test_a_fault_is_written_down_before_anything_is_done_to_a_host(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, world):
        world.broken.add("app-blue-1")
        with pytest.raises(WorldError):
            unit.stop("app-blue-1")

        (fault,) = run.journal.read()
    assert (fault.undo, fault.arguments) == (
        "chaos.unit.actions:start",
        {"host": "app-blue-1", "unit": "dash-app.service"},
    )
    assert run.faults == [], "it did not begin: the timer could not be armed"


def test_a_host_is_told_how_to_undo_a_fault_before_it_has_it(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, world):
        unit.stop("app-blue-1")

    (_, first), (_, second) = world.scripts
    (fault,) = run.faults
    assert f"systemd-run --quiet --collect --unit=dash-chaos-undo-{fault.id}" in first
    assert "systemctl start dash-app.service" in first
    assert "--expand-environment=no /bin/bash -c" in first, "what it says to bash reaches bash"
    assert second == "systemctl stop dash-app.service"


def test_a_fault_that_was_made_by_half_is_one(tmp_path: Path) -> None:
    """Its script fails after nobody knows what: it is undone like any other."""
    with opened(tmp_path) as (run, world):

        def act() -> None:
            world.broken.add("app-blue-1")
            raise WorldError("half done")

        with pytest.raises(WorldError, match="half done"):
            levers.do(unit.start, {"host": "app-blue-1"}, what="x", host="app-blue-1", act=act)
        world.broken.add("app-blue-1")
        with pytest.raises(WorldError, match="no answer"):
            levers.do(unit.start, {"host": "b"}, what="x", host="app-blue-1", script="half")

    assert [fault.arguments for fault in run.faults] == [{"host": "app-blue-1"}, {"host": "b"}]


def test_faults_are_read_in_the_order_to_undo_them_in(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, _):
        for host in ("app-blue-1", "db-1", "edge-1"):
            unit.stop(host)

    assert [fault.host for fault in run.journal.read()] == ["edge-1", "db-1", "app-blue-1"]


def test_undoing_takes_the_timer_and_the_entry_away_and_may_be_done_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, world):
        unit.stop("app-blue-1")
        unit.start("app-blue-1")
        unit.start("app-blue-1")

        assert run.journal.read() == []
        first = dict(run.undone)
        unit.start("app-blue-1")
    assert len(run.undone) == 1
    assert run.undone == first, "it was over when it was undone first"
    assert [script for _, script in world.scripts[2:]] == [world.scripts[2][1]] * 3
    assert f"systemctl stop dash-chaos-undo-{run.faults[0].id}.timer" in world.scripts[2][1]


def test_what_cannot_be_undone_stays_in_the_journal_with_what_to_type(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, world):
        unit.stop("app-blue-1")
        world.broken.add("app-blue-1")
        (fault,) = run.faults
        with pytest.raises(levers.NotUndone, match=r"NOT undone .app-blue-1: no answer\)") as told:
            levers.undo_again(fault)

        assert run.journal.read() == [dataclasses.replace(fault, at=run.journal.read()[0].at)]
    assert str(told.value).endswith(f"type python -m chaos undo {fault.id}")


def test_without_an_open_run_no_fault_is_made_and_nothing_undone() -> None:
    """An experiment whose control was refused, or that has none: its rollbacks run all the same."""
    with pytest.raises(Refused, match=r"controls must begin with module chaos\.control"):
        unit.stop("app-blue-1")
    unit.start("app-blue-1")
    levers.undo(unit.start, {"host": "app-blue-1"}, host="app-blue-1", script="systemctl start x")


def test_the_host_that_served_stays_the_one_that_is_meant(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, world):
        unit.stop("serving-1")
        run.client.stack.host("app-green-1")
        unit.start("serving-1")
        assert run.host("idle-1") == "app-green-1"

    assert {host for host, _ in world.scripts} == {"app-blue-1"}


def test_a_host_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(WorldError, match=r"no host 'db-7' in lab: .*db-1\?"):
        unit.stop("db-7")


def test_the_next_one_undoes_what_a_dead_run_left(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, _):
        unit.stop("app-blue-1")
    worlds.gone(run.journal, run.faults[0])
    world = World(worlds.stack(tmp_path))

    undone, left = leftovers.undo(world, run.journal, run.journal.left())

    assert left == []
    assert undone == [f"undone: dash-app.service on app-blue-1 stopped, left by {Holder.me()}"]
    assert "systemctl start dash-app.service" in world.scripts[0][1]
    assert run.journal.read() == []
    assert running.opened() is None


def test_what_a_living_run_broke_is_not_left(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, _):
        unit.stop("app-blue-1")

    assert run.journal.left() == []


def test_what_another_machine_broke_is_not_left_either(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, _):
        unit.stop("app-blue-1")
    far = dataclasses.replace(Holder.me(), machine="elsewhere", boot="another")
    run.journal.write(dataclasses.replace(run.faults[0], holder=far))

    assert run.journal.left() == []


def test_a_holder_is_gone_with_its_machine_s_last_boot_and_when_it_only_waits_to_be_reaped(
    tmp_path: Path,
) -> None:
    me = Holder.me()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        stat = Path(f"/proc/{child.pid}/stat").read_text()
        started = int(stat.rpartition(")")[2].split()[19])
        other = dataclasses.replace(me, pid=child.pid, started=started)
        assert (me.gone, other.gone) == (False, False)
        assert dataclasses.replace(me, boot="another").gone
        assert dataclasses.replace(me, started=me.started + 1).gone, "its number is used again"
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{child.pid}/stat").exists()
        assert other.gone
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be undone"),
        ("{}", "cannot be undone"),
        ("", "cannot be undone"),
        ('{KNOWN, "undo": "os:system"}', "names 'os:system', which is no function of chaos"),
        (
            '{KNOWN, "undo": "chaos.unit.actions:start.x"}',
            r"actions:start\.x', which is no function",
        ),
        ('{KNOWN, "undo": "x.chaos.unit:start"}', "which is no function of chaos"),
    ],
)
def test_a_journal_that_nobody_of_ours_wrote_is_not_obeyed(
    tmp_path: Path, text: str, said: str
) -> None:
    with opened(tmp_path) as (run, _):
        unit.stop("app-blue-1")
    path = run.journal.directory / f"{run.faults[0].id}.json"
    known = json.loads(path.read_text())
    path.write_text(text.replace("KNOWN", json.dumps(known)[1:-1]) if text else "")

    with pytest.raises(JournalError, match=said):
        run.journal.read()


def test_a_second_run_is_refused_and_told_who_has_the_first(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from chaos.lock import Lock\n"
        "with Lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"process {other.pid} of "), Lock(tmp_path / "lock"):
            pass
        other.kill()
    with Lock(tmp_path / "lock"):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""


def test_an_empty_journal_has_nothing(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none").left() == []
