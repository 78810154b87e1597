"""How a small disk comes to a host and goes: which program runs where, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaos import levers
from chaos.client import WorldError
from chaos.disk import actions
from chaos.disk.small import NODE, Small
from tests.unit.chaos import world

PLACE: dict[str, Any] = {"host": "db-1", "directory": "/var/lib/x", "unit": "x.service"}


@pytest.fixture(name="loops")
def _loops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Loop devices of the disk, as losetup knows them."""
    loops: list[str] = []

    def machine(self: world.World, *words: str, timeout: float = 60) -> str:  # noqa: ARG001 -- as there
        self.commands.append(words)
        if "--find" in words:
            loops.append("/dev/loop7")
            return "/dev/loop7\n"
        if "--detach" in words:
            loops.remove(words[-1])
        if "--associated" in words:
            return "".join(f"{each}: []:1 ({words[-1]})\n" for each in loops)
        return "7 7\n" if words[0] == "stat" else ""

    monkeypatch.setattr(world.World, "machine", machine)
    return loops


def test_a_disk_is_brought_filled_and_taken_away_and_the_fault_is_when_it_is_full(
    tmp_path: Path, loops: list[str]
) -> None:
    with world.opened(tmp_path) as (run, seen):
        seen.says = "4711"
        actions.fill(**PLACE, megabytes=8, leave=3)
        disk = Small(seen, **PLACE)
        size = disk.image.stat().st_size
        [kept], [fault] = run.journal.read(), run.faults
        seen.says = ""
        levers.undo_again(kept)
        actions.make_room(**PLACE)
        left = run.journal.read()

    scripts = [script for host, script in seen.scripts if host == "db-1"]
    assert size == 8 << 20
    assert scripts[1] == "systemctl stop x.service"
    assert scripts[2] == "systemctl start x.service"
    assert "fallocate" in scripts[3]
    assert [i for i, script in enumerate(scripts) if "cp -a" in script] == [0, 5, 6], "timer"
    assert fault.at > kept.at, "the moment without the unit is not the fault"
    assert (loops, left, disk.image.exists()) == ([], [], False)
    entered = next(words for words in seen.commands if words[0] == "nsenter")
    assert entered[1:4] == ("--target", "4711", "--mount")
    assert f"mknod {NODE} b 7 7" in entered[-1]


@pytest.mark.usefixtures("loops")
def test_a_second_disk_for_the_same_directory_is_refused_before_anything_is_touched(
    tmp_path: Path,
) -> None:
    with world.opened(tmp_path) as (_, seen):
        disk = Small(seen, **PLACE)
        disk.bring(1)
        before = list(seen.commands)
        with pytest.raises(WorldError, match="db-1: /var/lib/x has a small disk already"):
            disk.bring(1)
        assert seen.commands == before


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize(("said", "mounted"), [("lost\n", True), ("", False)])
def test_a_host_that_was_started_anew_gets_its_disk_back_to_be_carried_back_from(
    tmp_path: Path, said: str, *, mounted: bool
) -> None:
    with world.opened(tmp_path) as (_, seen):
        disk = Small(seen, **PLACE)
        disk.bring(1)
        seen.commands.clear()
        seen.says = said
        disk.attach()

    again = [words[-1] for words in seen.commands if words[0] == "nsenter"]
    assert [f"mount -t ext4 {NODE} /var/lib/x" in script for script in again] == [True] * mounted


def test_without_a_run_nothing_is_undone() -> None:
    actions.make_room(**PLACE)
