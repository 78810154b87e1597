"""The end-to-end tests' own lab, which is gone after the run whatever ends the run.

Normal ends and signals take it down in this process. Should this process be killed outright, a
reaper that was started beside it sees the pipe between them close, ends what the tests left running
and takes the lab down. Should both be killed, the next run begins by doing the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ops.testsuites.parts import Part, Place
from ops.testsuites.parts import run as run_part

if TYPE_CHECKING:
    from types import TracebackType

    from ops.testsuites.parts import Outcome

RUN = "E2E_RUN"  # in the environment of everything that the tests start
STACKS = ("production", "staging", "lab")
KEPT = ("logs", "timings.json")  # of a stack that was taken down
DOWN_SECONDS = 180
# Started by our podman, but shared with other labs or ended by podman itself.
SPARED = frozenset({"conmon", "aardvark-dns", "netavark"})
DISARM = b"done"


def name_for(root: Path) -> str:
    """Return the lab's name: another checkout gets another."""
    return f"e2e{hashlib.sha256(str(root.absolute()).encode()).hexdigest()[:6]}"


def stacks(root: Path, name: str) -> list[str]:
    """Return the stacks of this lab that left more in the checkout than what `down` keeps."""
    return [
        stack
        for stack in STACKS
        if any(p.name not in KEPT for p in (root / ".dash" / f"{name}.{stack}").glob("*"))
    ]


def sweep(run: str, seconds: float = 20.0, proc: Path = Path("/proc")) -> list[str]:
    """End every process that carries `E2E_RUN=<run>`; return the names of those found.

    Args:
        run: the run's id.
        seconds: how long they may take to end before they are killed.
        proc: the kernel's process table.
    """
    found = _carriers(run, proc)
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = _carriers(run, proc)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while _carriers(run, proc) and time.monotonic() < deadline:
            time.sleep(0.2)
    return sorted(set(found.values()))


def _carriers(run: str, proc: Path) -> dict[int, str]:
    """Return the processes that carry the run's id, by pid, without this one and shared ones."""
    wanted = f"{RUN}={run}".encode()
    found = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # ended meanwhile, or not ours to read
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                name = (entry / "comm").read_text("utf-8", "replace").strip()
                if name not in SPARED:
                    found[int(entry.name)] = name
    return found


def down(root: Path, name: str, env: dict[str, str]) -> list[str]:
    """Take down every stack of the lab; return what went wrong, one line each."""
    wrong = []
    for stack in stacks(root, name):
        words = [sys.executable, "-m", "ops", "down", "--stack", stack, "--yes"]
        try:
            done = subprocess.run(
                words,
                cwd=root,
                env={**env, "DASH_LAB": name},
                check=False,
                capture_output=True,
                text=True,
                timeout=DOWN_SECONDS,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            wrong.append(f"./dash down --stack {stack} did not end within {DOWN_SECONDS} s")
            continue
        if done.returncode:
            last = ((done.stdout + done.stderr).strip().splitlines() or ["no word"])[-1]
            wrong.append(f"./dash down --stack {stack}: {last}")
    return wrong


def leftovers(name: str) -> list[str]:
    """Return the containers and networks of the lab that are still there."""
    found = []
    for kind, words in (("container", ("ps", "--all")), ("network", ("network", "ls"))):
        listed = subprocess.run(
            ["podman", *words, "--format", "json"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        for item in json.loads(listed.stdout or "[]") or []:
            names = item.get("Names") or [item.get("name") or item.get("Name") or ""]
            found += [f"{kind} {n}" for n in names if n.startswith(f"dash-{name}-")]
    return sorted(found)


@dataclass
class Lab:
    """The lab of one run; entering it arms the reaper, leaving it takes the lab down."""

    place: Place
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    wrong: list[str] = field(default_factory=list)
    _pipe: int = -1
    _reaper: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """Return the lab's name."""
        return name_for(self.place.root)

    @property
    def env(self) -> dict[str, str]:
        """Return what the tests need to find this lab, and no other."""
        return {"DASH_LAB": self.name, "DASH_TEST_LAB": self.name, RUN: self.run}

    def __enter__(self) -> Self:
        self._pipe = self._arm()
        if stacks(self.place.root, self.name):
            self.place.say(f"a lab {self.name} of an earlier run is still there: taking it down")
            self._down()
        return self

    def up(self, budget: float) -> Outcome:
        """Bring it up, as one test.

        Args:
            budget: seconds.
        """
        argv = (sys.executable, "-m", "ops", "up")
        return run_part(
            Part(suite="e2e", name="e2e-up", argv=argv, env=self.env), self.place, budget
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stray = sweep(self.run)
        if stray:
            self.place.say(f"ended what the tests left running: {', '.join(stray)}")
        self._down()
        self.wrong += [f"still there: {what}" for what in leftovers(self.name)]
        if not self.wrong:
            os.write(self._pipe, DISARM)
        os.close(self._pipe)  # not disarmed: the reaper tries once more
        if self._reaper is not None:
            self._reaper.wait()

    def _down(self) -> None:
        self.place.say(f"taking the lab {self.name} down")
        self.wrong = down(self.place.root, self.name, dict(self.place.env))
        for line in self.wrong:
            self.place.say(line)

    def _arm(self) -> int:
        """Start the reaper; return the end of the pipe that it watches."""
        reading, writing = os.pipe()
        log = self.place.directory / "logs" / "e2e-reaper.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            self._reaper = subprocess.Popen(
                [sys.executable, "-m", "ops.testsuites.lab", str(reading), self.name, self.run],
                cwd=self.place.root,
                env=dict(self.place.env),
                pass_fds=(reading,),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        os.close(reading)
        return writing


def reap(pipe: int, name: str, run: str, root: Path) -> int:
    """Wait for the run's end; when it ended without a word, clean up after it.

    Args:
        pipe: file descriptor that the run holds the other end of.
        name: the lab.
        run: the run's id.
        root: the checkout.

    Returns:
        0 when nothing of the lab is left.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    said = os.read(pipe, len(DISARM))
    if said == DISARM:
        return 0
    sys.stderr.write(f"the run of {name} ended without cleaning up: doing it\n")
    sweep(run)
    wrong = down(root, name, dict(os.environ))
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(reap(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path.cwd()))
