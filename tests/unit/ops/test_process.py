"""Programs run with their output in a log, and signals reach them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ops import process

ENV = {"PATH": os.environ["PATH"]}


def shell(script: str, log: Path, **kwargs: object) -> process.Finished:
    return process.run(["/bin/sh", "-c", script], cwd=log.parent, env=ENV, log=log, **kwargs)  # type: ignore[arg-type]  # what each test gives


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def test_output_and_errors_land_in_the_log_and_in_the_lines(log: Path) -> None:
    seen: list[str] = []
    done = shell("echo one; echo two >&2; printf three; exit 3", log, on_line=seen.append)

    assert (done.code, done.lines) == (3, ["one", "two", "three"])
    assert seen == done.lines
    assert log.read_text() == "one\ntwo\nthree"


def test_a_second_program_adds_to_the_log_and_sees_only_its_own_lines(log: Path) -> None:
    shell("echo first", log)
    done = shell("echo second", log)

    assert done.lines == ["second"]
    assert log.read_text() == "first\nsecond\n"


def test_a_grandchild_that_stays_does_not_hold_us_up(log: Path) -> None:
    started = time.monotonic()
    done = shell("sleep 5 & echo $!", log)
    os.kill(int(done.lines[0]), signal.SIGKILL)

    assert time.monotonic() - started < 2


def test_bytes_that_are_no_text_do_not_stop_it(log: Path) -> None:
    assert shell(r"printf '\377\n'", log).lines == ["\ufffd"]


def test_the_environment_is_only_what_was_given(log: Path) -> None:
    done = process.run(["/usr/bin/env"], cwd=log.parent, env={"A": "1"}, log=log)

    assert done.lines == ["A=1"]


def test_a_program_that_does_not_exist_is_an_error(log: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["/no/such/program"], cwd=log.parent, env=ENV, log=log)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_so_that_the_program_can_clean_up(
    log: Path, number: signal.Signals
) -> None:
    script = (
        f"trap 'echo cleaned; exit 9' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    )

    def on_line(line: str) -> None:
        if line == "ready":
            os.kill(os.getpid(), number)

    done = shell(script, log, on_line=on_line)

    assert (done.code, done.lines[-1], done.interrupted) == (9, "cleaned", True)


def test_a_second_signal_kills_the_whole_group(log: Path) -> None:
    script = "trap '' INT; (trap '' INT; sleep 20) & echo $!; wait; wait"
    child: list[int] = []

    def on_line(line: str) -> None:
        child.append(int(line))
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    done = shell(script, log, on_line=on_line)

    assert done.code == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child[0]}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{child[0]}/exe").exists()


def test_signal_handlers_are_put_back(log: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    shell("true", log)

    assert signal.getsignal(signal.SIGINT) is before


def test_it_works_outside_of_the_main_thread(log: Path) -> None:
    results: list[process.Finished] = []
    thread = threading.Thread(target=lambda: results.append(shell("echo hi", log)))
    thread.start()
    thread.join()

    assert results[0].lines == ["hi"]


def test_the_program_outlives_a_killed_dash(log: Path) -> None:
    """A deploy comes to its end although the terminal's process was killed."""
    root = Path(__file__).parents[3]
    code = (
        "import os, pathlib; from ops import process; log = pathlib.Path(os.environ['LOG']);"
        "process.run(['/bin/sh', '-c', 'echo begun; sleep 0.4; echo ended'], cwd=log.parent,"
        "env=dict(os.environ), log=log)"
    )
    dash = subprocess.Popen([sys.executable, "-c", code], cwd=root, env={**ENV, "LOG": str(log)})
    deadline = time.monotonic() + 5
    while "begun" not in (log.read_text() if log.exists() else "") and time.monotonic() < deadline:
        time.sleep(0.02)
    dash.kill()
    dash.wait()
    while "ended" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert log.read_text() == "begun\nended\n"
