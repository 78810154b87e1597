"""The end-to-end lab is gone after a run, whatever ended the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.testsuites import lab
from ops.testsuites.parts import Place

REPOSITORY = Path(__file__).resolve().parents[3]
# Stands in for `python -m ops down`: notes what it was asked for, and removes the directory.
FAKE_OPS = """
import os, shutil, sys
stack = sys.argv[sys.argv.index("--stack") + 1]
name = os.environ["DASH_LAB"]
if os.path.exists("refuse"):
    print("podman says no"); sys.exit(1)
shutil.rmtree(f".dash/{name}.{stack}")
open("asked", "a").write(f"{sys.argv[1]} {name} {stack}\\n")
"""


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path) -> Path:
    """Return a checkout whose `ops` is a fake, and the real suites beside it."""
    package = tmp_path / "ops"
    package.mkdir()
    for name in ("process.py", "preflight.py", "console.py", "testsuites"):
        (package / name).symlink_to(REPOSITORY / "ops" / name)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(FAKE_OPS)
    return tmp_path


@pytest.fixture(name="place")
def _place(checkout: Path) -> Place:
    return Place(root=checkout, env={"PATH": os.environ["PATH"]}, say=lambda _line: None)


@pytest.fixture(name="start")
def _start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start sleeping processes that are ended after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(run: str, code: str = "import time; time.sleep(60)") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, lab.RUN: run}, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def leave_behind(checkout: Path, *stacks: str) -> None:
    """Make the state directories of stacks that are up."""
    for stack in stacks:
        (checkout / ".dash" / f"{lab.name_for(checkout)}.{stack}" / "pulumi").mkdir(parents=True)


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something is true; tell whether it became so."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_another_checkout_has_another_lab_with_a_name_that_is_allowed(tmp_path: Path) -> None:
    names = {lab.name_for(tmp_path / "a"), lab.name_for(tmp_path / "b")}
    assert len(names) == 2
    assert all(len(name) <= 16 and name.isalnum() for name in names)


def test_sweeping_ends_the_processes_of_this_run_and_no_others(
    start: Callable[..., subprocess.Popen[bytes]],
) -> None:
    mine, other = uuid.uuid4().hex, uuid.uuid4().hex
    ours, theirs = start(mine), start(other)
    assert until(lambda: bool(lab._carriers(mine, Path("/proc"))))
    assert lab.sweep(mine, seconds=5)
    assert ours.wait(5) == -signal.SIGTERM
    assert theirs.poll() is None


def test_a_process_that_does_not_listen_is_killed(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    run, ready = uuid.uuid4().hex, tmp_path / "ready"
    code = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    )
    deaf = start(run, code)
    assert until(ready.exists)
    lab.sweep(run, seconds=0.5)
    assert deaf.wait(5) == -signal.SIGKILL


def test_every_stack_that_left_something_is_taken_down(checkout: Path, place: Place) -> None:
    leave_behind(checkout, "lab", "staging")
    name = lab.name_for(checkout)
    assert lab.down(checkout, name, dict(place.env)) == []
    asked = (checkout / "asked").read_text().splitlines()
    assert asked == [f"down {name} staging", f"down {name} lab"]


def test_what_down_keeps_is_no_lab(checkout: Path) -> None:
    (checkout / ".dash" / f"{lab.name_for(checkout)}.lab" / "logs").mkdir(parents=True)
    assert lab.stacks(checkout, lab.name_for(checkout)) == []
    leave_behind(checkout, "lab")
    assert lab.stacks(checkout, lab.name_for(checkout)) == ["lab"]


def test_a_refusal_to_go_down_is_told(checkout: Path, place: Place) -> None:
    leave_behind(checkout, "lab")
    (checkout / "refuse").touch()
    wrong = lab.down(checkout, lab.name_for(checkout), dict(place.env))
    assert wrong == ["./dash down --stack lab: podman says no"]


@pytest.fixture(name="no_podman")
def _no_podman(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "leftovers", lambda _name: [])


@pytest.mark.usefixtures("no_podman")
def test_leaving_takes_the_lab_down_also_after_an_error(checkout: Path, place: Place) -> None:
    def broken() -> None:
        with lab.Lab(place):
            leave_behind(checkout, "lab")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 -- our own, above
        broken()
    assert (checkout / "asked").exists()


@pytest.mark.usefixtures("no_podman")
def test_a_lab_that_an_earlier_run_left_is_taken_down_first(checkout: Path, place: Place) -> None:
    leave_behind(checkout, "production")
    with lab.Lab(place):
        assert (checkout / "asked").read_text().endswith("production\n")


@pytest.mark.usefixtures("no_podman")
def test_a_lab_that_does_not_go_down_is_not_passed_over(checkout: Path, place: Place) -> None:
    with lab.Lab(place) as mine:
        leave_behind(checkout, "lab")
        (checkout / "refuse").touch()
    assert mine.wrong == ["./dash down --stack lab: podman says no"]


def test_a_killed_run_is_cleaned_up_after(
    checkout: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """SIGKILL gives the run no chance: the reaper ends what it started and takes the lab down."""
    run = uuid.uuid4().hex
    leave_behind(checkout, "lab")
    stray = start(run)
    code = (
        "import os, time; from pathlib import Path; from ops.testsuites import lab, parts\n"
        "place = parts.Place(root=Path.cwd(), env=dict(os.environ), say=lambda _: None)\n"
        f"lab.Lab(place, run={run!r})._arm()\n"
        "Path('armed').touch(); time.sleep(60)"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=checkout, start_new_session=True)
    assert until((checkout / "armed").exists)
    assert not (checkout / "asked").exists()
    runner.kill()
    runner.wait()
    assert until((checkout / "asked").exists)
    assert stray.wait(10) == -signal.SIGTERM


def test_the_reaper_leaves_a_run_alone_that_ended_well(checkout: Path) -> None:
    leave_behind(checkout, "lab")
    reading, writing = os.pipe()
    os.write(writing, lab.DISARM)
    os.close(writing)
    words = [sys.executable, "-m", "ops.testsuites.lab", str(reading), "name", "run"]
    done = subprocess.run(words, cwd=checkout, pass_fds=(reading,), check=False, timeout=30)
    os.close(reading)
    assert done.returncode == 0
    assert not (checkout / "asked").exists()
