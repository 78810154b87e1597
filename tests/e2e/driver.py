"""Drive a lab as its operator would: `./dash` as a process, releases made from edited copies."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.independent_client import WRONG

ROOT = Path(__file__).resolve().parents[2]
COMMAND_TIMEOUT = 900  # seconds; the longest is a cold `up`

Edit = Callable[[Path], None]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    output: str
    seconds: float

    @property
    def last(self) -> str:
        """The last line that is not empty."""
        lines = [x for x in self.output.splitlines() if x.strip()]
        return lines[-1] if lines else ""


@dataclass
class Client:
    """The independent load client while it runs, and its figures afterwards."""

    process: subprocess.Popen[str]
    figures: dict[str, Any] = field(default_factory=dict)


def troubles(figures: dict[str, Any]) -> dict[str, int]:
    """Return what the independent client found wrong: nothing is what is wanted."""
    return {name: figures[name] for name in WRONG if figures[name]}


class Lab:
    """One lab, of this checkout, with a name of its own."""

    def __init__(self, name: str, stack: str = "lab", root: Path = ROOT) -> None:
        self.name, self.stack, self.root = name, stack, root
        self.directory = root / ".dash" / (f"{name}.{stack}" if name else stack)
        self.env = {**os.environ, "DASH_LAB": name, "NO_COLOR": "1"}
        self.env.pop("DASH_STACK", None)

    def start(self, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `./dash …` in a process group of its own."""
        return subprocess.Popen(
            ["./dash", *words, "--stack", self.stack],
            cwd=self.root,
            text=True,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def dash(self, *words: str, env: dict[str, str] | None = None) -> Done:
        """Run `./dash …` to its end."""
        started = time.monotonic()
        process = self.start(*words, env=env)
        try:
            output, _ = process.communicate(timeout=COMMAND_TIMEOUT)
        except BaseException:  # the test's own time limit too: nothing may go on without it
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Done(process.returncode, output, time.monotonic() - started)

    def ok(self, *words: str) -> Done:
        """Run `./dash …`, which must end with 0."""
        done = self.dash(*words)
        assert done.code == 0, f"./dash {' '.join(words)} ended with {done.code}:\n{done.output}"
        return done

    def status(self) -> dict[str, Any]:
        """Return `./dash status --json`."""
        document: dict[str, Any] = json.loads(self.ok("status", "--json").output)
        return document

    def active(self) -> tuple[str, str]:
        """Return (colour, version) that serve."""
        active = self.status()["active"]
        return active["color"], active["version"]

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        done = subprocess.run(
            ["./dash", "env", "--stack", self.stack],
            cwd=self.root,
            env=self.env,
            text=True,
            capture_output=True,
            check=True,
            timeout=60,
        )
        shown = subprocess.run(
            ["bash", "-c", f"{done.stdout}\npulumi stack output --json"],
            cwd=self.root,
            env=self.env,
            text=True,
            capture_output=True,
            check=True,
            timeout=60,
        )
        document: dict[str, Any] = json.loads(shown.stdout)
        return document

    def container(self, host: str) -> str:
        """Return the container of a host."""
        return str(next(h["container"] for h in self.outputs()["hosts"] if h["name"] == host))

    def on(self, host: str, *words: str, check: bool = True) -> str:
        """Run a command as root inside a host."""
        return inside(self.container(host), *words, check=check)

    def edge_color(self) -> str:
        """Return the active colour as the edge's map file says it."""
        return self.on("edge-1", "cat", "/etc/haproxy/maps/active.map").split()[-1]

    @contextlib.contextmanager
    def load(
        self, rate: int = 50, seconds: int = 600, *, sockets: int = 40, streams: int = 10
    ) -> Iterator[Client]:
        """Let the independent client send requests, and stay connected, while the block runs."""
        urls = self.outputs()["urls"]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.e2e.independent_client"),
                "--url",
                urls["https"],
                "--ca",
                str(self.directory / "ca.pem"),
                "--key-file",
                str(self.directory / "secrets/prober_key"),
                "--rate",
                str(rate),
                "--max-seconds",
                str(seconds),
                *("--sockets", str(sockets), "--streams", str(streams)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        client = Client(process)
        time.sleep(1.0)
        try:
            yield client
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=60)
            client.figures = json.loads(output.strip().splitlines()[-1])

    def build(
        self, directory: Path, edit: Edit | None = None, *, tagged: bool = False
    ) -> dict[str, Any]:
        """Build an artifact from a copy of this checkout's app, edited, in `directory`.

        `tagged`: as a repository at its release tag, so that the version is `__version__` alone.
        """
        source = directory / "source"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        shutil.copytree(
            self.root / "app", source / "app", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copytree(self.root / "requirements", source / "requirements")
        if edit is not None:
            edit(source)
        if tagged:
            _tag(source)
        done = subprocess.run(
            [
                self.python,
                "-m",
                "ops.artifact",
                "build",
                "--source",
                str(source),
                "--out",
                str(directory),
                "--json",
            ],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return document

    @property
    def python(self) -> str:
        """The operator's interpreter."""
        return str(self.root / ".dash/venv/bin/python")


def _tag(source: Path) -> None:
    """Make a folder a repository that stands at its release tag."""
    version = re.search(r'__version__ = "(.+)"', (source / "app/__init__.py").read_text())
    assert version is not None
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["commit", "-q", "-m", "Release"],
        ["tag", f"v{version[1]}"],
    ):
        subprocess.run(
            ["git", "-c", "user.name=e2e", "-c", "user.email=e2e@localhost", *words],
            cwd=source,
            check=True,
            timeout=60,
        )


def inside(container: str, *words: str, check: bool = True) -> str:
    """Run a command as root inside a container."""
    done = subprocess.run(
        ["podman", "exec", container, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if check:
        assert done.returncode == 0, f"{container}: {words}: {done.stderr or done.stdout}"
    return done.stdout


def wait_for(what: Callable[[], bool], seconds: float, every: float = 0.5) -> bool:
    """Wait until `what` is true; tell whether it came in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(every)
    return what()


def kill_at(lab: Lab, process: subprocess.Popen[str], since: float, step: str, number: int) -> bool:
    """Send a signal to a running command once it has begun a step; SIGKILL goes to all it started.

    `since` is in epoch seconds, before the command began: older event files are not its own.

    Returns False when the command ended before it came to that step.
    """
    while process.poll() is None:
        if begun(lab, since, step):
            if number == signal.SIGKILL:
                kill_all(process, lab)
            else:
                os.killpg(process.pid, number)
            return True
        time.sleep(0.02)
    return False


def begun(lab: Lab, since: float, step: str) -> bool:
    """Return whether a command that was started after `since` (epoch seconds) came to a step."""
    for file in (lab.directory / "logs").glob("*.events"):
        if file.stat().st_mtime < since:
            continue
        whole = file.read_text(encoding="utf-8").rpartition("\n")[0]  # it is being written
        events = (json.loads(line) for line in whole.splitlines())
        if any(event["t"] >= since and event["step"].startswith(step) for event in events):
            return True
    return False


def kill_all(process: subprocess.Popen[str], lab: Lab) -> None:
    """Kill a command and everything it started on this machine, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            env = (entry / "environ").read_bytes()
            ours = f"DASH_LAB={lab.name}".encode() in env.split(b"\0")
            runs = any(
                w.endswith((b"ansible-playbook", b"ops.prober", b"ops.heartbeat", b"ssh"))
                for w in words[:4]
            )
            if ours and runs:
                os.kill(int(entry.name), signal.SIGKILL)
    process.wait(timeout=10)
