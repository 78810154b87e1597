"""The heartbeat, as a real process: an `ssh` on PATH that notes what it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[3]
# Notes its start, its arguments and each line; `$EXIT_AFTER` lines later it ends with `$CODE`.
SSH = """#!/bin/sh
echo "start $$ $*" >>"$HEARD"
n=0
while read -r line; do
    echo "beat $$" >>"$HEARD"
    n=$((n + 1))
    if [ "$n" = "${EXIT_AFTER:-}" ]; then exit "$CODE"; fi
done
echo "end $$" >>"$HEARD"
"""


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@dataclass
class Heart:
    """A heartbeat and the process it is bound to."""

    process: subprocess.Popen[str]
    parent: subprocess.Popen[bytes]
    notes: Path

    def heard(self, what: str) -> list[str]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line for line in lines if line.startswith(what)]


@pytest.fixture(name="beating")
def _beating(tmp_path: Path) -> Iterator[Callable[..., Heart]]:
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    started: list[Heart] = []

    def beating(edges: int = 1, **env: Any) -> Heart:
        notes = tmp_path / "heard"
        parent = subprocess.Popen(["sleep", "60"])
        commands = [["ssh", f"ansible@edge-{n + 1}"] for n in range(edges)]
        arguments = {
            "--parent": str(parent.pid),
            "--id": "op-7",
            "--edges": json.dumps(commands),
            "--interval": "0.1",
        }
        words = [word for pair in arguments.items() for word in pair]
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.heartbeat", *words],
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "HEARD": str(notes),
                **{key: str(value) for key, value in env.items()},
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(Heart(process, parent, notes))
        return started[-1]

    yield beating
    for heart in started:
        for each in (heart.process, heart.parent):
            each.kill()
            each.wait()
        if heart.process.stderr:
            heart.process.stderr.close()


def test_each_edge_hears_one_long_connection(beating: Callable[..., Heart]) -> None:
    heart = beating(edges=2)
    until(lambda: len(heart.heard("beat")) >= 8)

    starts = heart.heard("start")
    assert len(starts) == 2
    assert all(s.endswith("leasectl hold --id op-7") for s in starts)
    assert {s.split()[2] for s in starts} == {"ansible@edge-1", "ansible@edge-2"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent(beating: Callable[..., Heart], how: signal.Signals) -> None:
    heart = beating()
    until(lambda: bool(heart.heard("beat")))
    heart.parent.send_signal(how)
    died = time.monotonic()

    assert heart.process.wait(timeout=10) == 0
    assert time.monotonic() - died < 1
    beats = len(heart.heard("beat"))
    time.sleep(0.3)
    assert len(heart.heard("beat")) == beats


def test_a_parent_that_is_gone_already_is_said(beating: Callable[..., Heart]) -> None:
    heart = beating()
    heart.process.kill()
    heart.parent.kill()
    heart.parent.wait()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ops.heartbeat", "--parent", str(heart.parent.pid)),
            *("--id", "x", "--edges", "[]"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, "is gone after" in done.stderr) == (0, True)


def test_a_lost_lease_interrupts_the_parent(beating: Callable[..., Heart]) -> None:
    heart = beating(EXIT_AFTER=2, CODE=3)

    assert heart.process.wait(timeout=15) == 1
    assert heart.parent.wait(timeout=5) == -signal.SIGINT
    assert heart.process.stderr is not None
    assert "another operation holds it" in heart.process.stderr.read()
    assert len(heart.heard("start")) == 1


@pytest.mark.parametrize("code", [255, 1, 0])
def test_a_broken_connection_is_made_again(beating: Callable[..., Heart], code: int) -> None:
    heart = beating(EXIT_AFTER=2, CODE=code)
    until(lambda: len(heart.heard("start")) >= 3)

    assert heart.process.poll() is None
    assert heart.parent.poll() is None


def test_it_ends_when_it_is_told_to_and_takes_its_connections_along(
    beating: Callable[..., Heart],
) -> None:
    heart = beating()
    until(lambda: bool(heart.heard("beat")))
    heart.process.terminate()

    assert heart.process.wait(timeout=10) == 0
    assert heart.parent.poll() is None
    pid = int(heart.heard("start")[0].split()[1])
    until(lambda: not Path(f"/proc/{pid}").exists())
