"""Steps, times and errors as the operator sees them."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ops.console import ExitCode, Steps, Timings, UsageError, UserError, seconds

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="timings")
def _timings(tmp_path: Path) -> Timings:
    return Timings(tmp_path / "state" / "timings.json")


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def plain() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (34.4, "34 s"), (59.6, "1 min 00 s"), (312, "5 min 12 s")],
)
def test_durations_read_like_speech(value: float, text: str) -> None:
    assert seconds(value) == text


def test_a_step_without_a_terminal_is_one_line_at_its_start_and_one_at_its_end(
    timings: Timings,
) -> None:
    console = plain()
    with Steps(console, timings, "up").step("hosts", "make the hosts") as step:
        step.note = "4 hosts"
    first, second = printed(console).splitlines()

    assert first.split() == ["…", "hosts", "make", "the", "hosts"]
    assert second.split()[:4] == ["✓", "hosts", "4", "hosts"]


def test_a_step_tells_how_long_it_took_last_time(timings: Timings) -> None:
    timings.record("up hosts", 83.2)
    console = plain()
    with Steps(console, timings, "up").step("hosts", "make the hosts"):
        pass

    assert printed(console).count("last time 1 min 23 s") == 2


def test_a_failed_step_keeps_the_time_of_the_last_good_run(timings: Timings) -> None:
    timings.record("up hosts", 40)
    console = plain()
    with pytest.raises(UserError), Steps(console, timings, "up").step("hosts", "make the hosts"):
        raise UserError("no")

    assert timings.last("up hosts") == 40
    assert "✗ hosts" in printed(console)
    assert "failed after" in printed(console)


def test_a_terminal_sees_the_clock_while_the_step_runs(timings: Timings) -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    with Steps(console, timings, "up").step("hosts", "make the hosts") as step:
        step.tell("  edge-1 boots  ")
        shown = step.__rich__().plain

    clock = re.sub(r"[0-9]\.[0-9]", "0.0", shown)  # a busy machine's shows more
    assert clock.split() == ["…", "hosts", "make", "the", "hosts", "(0.0", "s)", "edge-1", "boots"]


def test_running_prints_no_line_at_the_end(timings: Timings) -> None:
    console = plain()
    with Steps(console, timings, "deploy").running("deploy", "on lab"):
        pass

    assert len(printed(console).splitlines()) == 1
    assert timings.last("deploy deploy") is not None


def test_timings_keep_what_others_wrote(timings: Timings) -> None:
    timings.path.parent.mkdir()
    timings.path.write_text('{"5 stage": {"seconds": 3}}')
    timings.record("up tools", 1.23)

    assert json.loads(timings.path.read_text()) == {"5 stage": {"seconds": 3}, "up tools": 1.2}
    assert timings.last("5 stage") is None


@pytest.mark.parametrize("content", ["", "[1]", "not json"])
def test_a_broken_timings_file_is_as_good_as_none(timings: Timings, content: str) -> None:
    timings.path.parent.mkdir()
    timings.path.write_text(content)

    assert timings.last("up tools") is None


def test_a_usage_error_exits_2_and_others_1() -> None:
    assert UsageError("x").code is ExitCode.USAGE
    assert UserError("x").code is ExitCode.FAILED
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4]
