"""What the controller's plugins share: who holds a lease, helpers that start and end, programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dash.platform.plugins.module_utils import controller

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="sleeper")
def _sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def holder_of(process: subprocess.Popen[bytes]) -> dict[str, object]:
    start = controller.process_start(process.pid)
    return {**controller.holder(), "pid": process.pid, "pid_start": start}


def test_a_time_survives_being_written_down() -> None:
    assert controller.parse_time(controller.rfc3339(1_790_000_000.0)) == 1_790_000_000.0
    assert controller.rfc3339(0) == "1970-01-01T00:00:00+00:00"


@given(st.integers(0, 4_000_000_000))
def test_every_second_survives_being_written_down(seconds: int) -> None:
    assert controller.parse_time(controller.rfc3339(seconds)) == seconds


def test_a_holder_says_who_and_which_process() -> None:
    who = controller.holder()

    assert (who["pid"], who["pid_start"]) == (
        os.getppid(),
        controller.process_start(os.getppid()),
    )
    assert all(who[key] for key in ("user", "host", "boot_id", "pid_start"))


def test_a_process_that_is_not_there_never_started() -> None:
    assert controller.process_start(2**22 + 1) == 0


def test_a_name_with_brackets_and_blanks_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) b (c"
    program.symlink_to("/usr/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as process:
        time.sleep(0.1)
        assert controller.process_start(process.pid) >= controller.process_start(os.getpid())
        process.kill()


def test_a_holder_that_runs_is_not_dead(sleeper: subprocess.Popen[bytes]) -> None:
    assert not controller.is_dead(holder_of(sleeper))


def test_a_holder_that_was_killed_is_dead_even_before_its_parent_knows(
    sleeper: subprocess.Popen[bytes],
) -> None:
    who = holder_of(sleeper)
    sleeper.kill()
    while Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert controller.is_dead(who)
    sleeper.wait()
    assert controller.is_dead(who)


def test_another_process_with_the_same_id_is_not_the_holder(
    sleeper: subprocess.Popen[bytes],
) -> None:
    who = holder_of(sleeper)
    assert controller.is_dead({**who, "pid_start": int(str(who["pid_start"])) - 1})


@pytest.mark.parametrize("change", [{"boot_id": "another"}, {"boot_id": ""}, {"host": "another"}])
def test_nothing_is_known_of_a_holder_elsewhere(
    sleeper: subprocess.Popen[bytes], change: dict[str, str]
) -> None:
    who = {**holder_of(sleeper), **change}
    sleeper.kill()
    sleeper.wait()
    assert not controller.is_dead(who)


def test_ssh_is_called_as_ansible_calls_it() -> None:
    command = controller.ssh_command(
        {
            "ansible_host": "10.89.50.11",
            "ansible_user": "ann",
            "ansible_port": 2222,
            "ansible_ssh_private_key_file": "/state/ssh/id",
            "ansible_ssh_common_args": "-o UserKnownHostsFile='/my state/known_hosts'",
        }
    )

    assert command[0] == "ssh"
    assert command[-1] == "ann@10.89.50.11"
    assert command[command.index("-p") + 1] == "2222"
    assert command[command.index("-i") + 1] == "/state/ssh/id"
    assert "UserKnownHostsFile=/my state/known_hosts" in command
    assert "BatchMode=yes" in command


def test_ssh_needs_no_more_than_an_address() -> None:
    command = controller.ssh_command({"ansible_host": "edge-1"})
    assert command[-1] == "ansible@edge-1"
    assert not {"-i", "-p"} & set(command)


def test_a_helper_runs_on_its_own_and_writes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "helper.log"
    script = "import os, time; print(os.getsid(0), os.getcwd(), flush=True); time.sleep(60)"
    pid = controller.spawn([sys.executable, "-c", script], tmp_path, log)
    while not log.read_text():
        time.sleep(0.02)

    assert log.read_text().split() == [str(pid), str(tmp_path)]
    started = time.monotonic()
    controller.stop(pid)
    assert not _lives(pid)
    assert time.monotonic() - started < 5


def test_a_helper_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(60)"
    )
    log = tmp_path / "helper.log"
    pid = controller.spawn([sys.executable, "-c", script], tmp_path, log)
    while not log.read_text():
        time.sleep(0.02)
    controller.stop(pid, seconds=0.3)
    assert not _lives(pid)


def test_a_helper_that_is_gone_needs_no_stop(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.send_signal(signal.SIGKILL)
    sleeper.wait()
    controller.stop(sleeper.pid)


def _lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def run(script: str, root: Path, timeout: float = 20) -> dict[str, object]:
    return controller.run_json([sys.executable, "-c", script], root, timeout)


def test_the_last_line_of_a_program_is_its_document(tmp_path: Path) -> None:
    assert run("print('building'); print('{\"a\": 1}')", tmp_path) == {"a": 1}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; print('x'); sys.exit('no space left. Next: ./dash doctor')", "^no space le"),
        ("import sys; print('said on stdout'); sys.exit(1)", "^said on stdout$"),
        ("import sys; sys.exit(7)", "ended with 7$"),
        ("print('not JSON')", "printed no JSON document$"),
        ("pass", "printed no JSON document$"),
        ("print('[1]')", "printed no JSON document$"),
    ],
)
def test_a_program_that_fails_says_why_in_one_line(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        run(script, tmp_path)


def test_a_program_that_hangs_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"took more than 0 s$"):
        run("import time; time.sleep(60)", tmp_path, timeout=0.3)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"missing cannot be run: No such file"):
        controller.run_json([str(tmp_path / "missing")], tmp_path, 5)


@pytest.mark.parametrize("text", [None, "", "{", "nonsense"])
def test_a_report_that_is_not_there_yet_is_empty(tmp_path: Path, text: str | None) -> None:
    report = tmp_path / "report.json"
    if text is not None:
        report.write_text(text)
    assert controller.read_report(report) == {}
    report.write_text('{"sent": 1}')
    assert controller.read_report(report) == {"sent": 1}
