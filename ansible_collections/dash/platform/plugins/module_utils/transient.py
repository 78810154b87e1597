"""A release's own command line, as user dash in a transient unit with its credentials."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils import paths
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, last_line
from ansible_collections.dash.platform.plugins.module_utils.service import readable

USER = "dash"
MARGIN = 15.0  # seconds that systemd has to end what took too long
SANDBOX = ("ProtectSystem=strict", "PrivateTmp=yes", "NoNewPrivileges=yes")
SYSTEMD_CODES = range(200, 246)  # systemd.exec(5): what it says when it could not even start it
_ESCAPED = str.maketrans({c: f"\\{c}" for c in '\\"$`'})


class AppFailed(Fault):
    """`python -m app` ended with a code that is a failure; facts: rc, document."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What to run.

    Args:
        argv: what follows `python -m app`.
        version: the release, "" for the current one.
        config: the configuration, "" for the current one.
        credentials: files on the host by the name of the credential.
        environment: settings that differ for this run.
        timeout: seconds.
    """

    argv: list[str]
    version: str = ""
    config: str = ""
    credentials: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float = 120

    @property
    def release(self) -> Path:
        """The release's directory."""
        return paths.OPT / (f"releases/{self.version}" if self.version else "current")


@dataclass(frozen=True)
class Done:
    """How it ended: exit code, what it wrote, and the JSON object of its last line ({}: none)."""

    rc: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object of the last line of its output, {} when there is none."""
        try:
            found = json.loads(last_line(self.stdout))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def why(self) -> str:
        """Why it failed, in one line without a secret."""
        if said := last_line(self.stderr) or last_line(self.stdout):
            return readable(said)
        what = "systemd could not start it" if self.rc in SYSTEMD_CODES else "it said nothing"
        return f"python -m app ended with {self.rc}: {what}"


def command(run: Run, environment_files: list[Path]) -> list[str]:
    """Return the words of systemd-run; of the environment files, a later one wins."""
    python = str(run.release / "venv/bin/python")
    properties = [
        f"WorkingDirectory={run.release}",
        f"RuntimeMaxSec={run.timeout:.0f}",
        *SANDBOX,
        *(f"EnvironmentFile={file}" for file in environment_files),
        *(f"LoadCredential={name}:{file}" for name, file in run.credentials.items()),
    ]
    return [
        *("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--uid={USER}"),
        *(f"--property={p}" for p in properties),
        *(python, "-m", "app", *run.argv),
    ]


def environment_text(values: dict[str, str]) -> str:
    """Return the text of an EnvironmentFile; raises Fault for what cannot stand in one."""
    for name, value in values.items():
        if "\n" in value:
            raise Fault(f"{name} has more than one line: it cannot be a setting")
    return "".join(f'{k}="{v.translate(_ESCAPED)}"\n' for k, v in values.items())


def execute(run: Run, ok_codes: list[int]) -> Done:
    """Run it and return how it ended.

    Raises:
        AppFailed: its exit code is not one of `ok_codes`, or it took too long.
    """
    if not (run.release / "venv/bin/python").exists():
        what = f"release {run.version}" if run.version else "a current release"
        raise Fault(f"{what} is not on this host. Next: ./dash deploy")
    with tempfile.TemporaryDirectory(prefix="dash-app-") as directory:
        files = [paths.ETC / "host.env", paths.ETC / "current/app.env"]
        if run.config:
            files[1] = Path(directory) / "app.env"
            files[1].write_text(run.config, encoding="utf-8")
        if run.environment:
            # As a file, and the last one: --setenv would lose against any of them.
            files.append(Path(directory) / "last.env")
            files[-1].write_text(environment_text(run.environment), encoding="utf-8")
        done = _ended(run, command(run, files))
    if done.rc not in ok_codes:
        raise AppFailed(done.why, rc=done.rc, document=done.document)
    return done


def _ended(run: Run, words: list[str]) -> Done:
    late = AppFailed(f"python -m app {run.argv[0]} took more than {run.timeout:.0f} s", rc=-1)
    began = time.monotonic()
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            timeout=run.timeout + MARGIN,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise late from None
    if done.returncode and time.monotonic() - began >= run.timeout:
        raise late
    return Done(done.returncode, done.stdout, done.stderr)
