"""What is done to PostgreSQL is undone by its pair, on the host and by the host alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chaos import levers
from chaos.database import actions
from chaos.levers import UNIT
from tests.unit.chaos import world

PAIRS: dict[Callable[[], None], tuple[Callable[[], None], str]] = {
    actions.use_up_connections: (actions.free_connections, "systemctl stop dash-chaos-crowd"),
    actions.hold_locks: (actions.release_locks, "pg_terminate_backend"),
    actions.forbid_writes: (actions.allow_writes, "RESET default_transaction_read_only"),
    actions.deadlock: (actions.release_locks, "pg_terminate_backend"),
}


@pytest.mark.parametrize("do", PAIRS, ids=lambda f: f.__name__)
def test_the_host_mends_it_alone_before_it_is_broken(
    tmp_path: Path, do: Callable[[], None]
) -> None:
    _, mends = PAIRS[do]
    with world.opened(tmp_path) as (run, seen):
        do()
        [(armed_on, timer), (broken_on, _)] = seen.scripts
        [fault] = run.journal.read()

    assert (armed_on, broken_on) == ("db-1", "db-1")
    assert f"--unit={UNIT}{fault.id}" in timer
    assert mends in timer
    assert fault.what.startswith("PostgreSQL on db-1 ")


@pytest.mark.parametrize("do", PAIRS, ids=lambda f: f.__name__)
def test_its_pair_undoes_it_twice_and_the_journal_knows(
    tmp_path: Path, do: Callable[[], None]
) -> None:
    undo, mends = PAIRS[do]
    with world.opened(tmp_path) as (run, seen):
        do()
        [fault] = run.journal.read()
        levers.undo_again(fault)
        undo()

        assert run.journal.read() == []
        assert [mends in script for _, script in seen.scripts[-2:]] == [True, True]
        assert fault.undo == levers.named(undo)


def test_without_a_run_nothing_is_broken_and_nothing_undone() -> None:
    with pytest.raises(Exception, match="no run is open"):
        actions.forbid_writes()
    actions.allow_writes()


def test_who_forbids_writes_can_still_write_that_they_are_allowed(tmp_path: Path) -> None:
    with world.opened(tmp_path) as (_, seen):
        actions.allow_writes()

    assert "default_transaction_read_only=off" in seen.scripts[-1][1]


def test_tables_are_names() -> None:
    with pytest.raises(ValueError, match="letters, _ and %"):
        actions.hold_locks(tables="x' OR 'a' = 'a")


@pytest.mark.parametrize(("sessions", "code"), [("1", 0), ("0", 1)])
def test_locks_are_a_fault_when_they_are_held_and_not_before(
    tmp_path: Path, sessions: str, code: int
) -> None:
    """A transaction that lost a deadlock to the service holds nothing: it was seen on the lab."""
    with world.opened(tmp_path) as (_, seen):
        actions.hold_locks()
    programs = {"systemd-run": "", "sleep": "", "runuser": f"echo {sessions}"}
    for name, does in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-s"], input=seen.scripts[-1][1], env={"PATH": path}, text=True,
        capture_output=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == code, done.stderr
    assert ("the locks were not had within 20 s" in done.stderr) == bool(code)
