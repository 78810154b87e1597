"""The service's unit on an app host: start, stop, ask, and run its command line."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils.releases import ReleaseError

UNIT = "dash-app.service"
PORT = 8000
ASK_TIMEOUT = 3.0  # seconds for one question
TAIL = 15  # lines of the journal
# What must never reach a terminal, whatever a library puts into its messages.
SECRET = re.compile(r"(dash_[A-Za-z0-9]+_)[A-Za-z0-9_-]{8,}|(//[^:/@\s]+:)[^@\s]+(?=@)|"
                    r"((?:password|secret|token|pepper)\S{0,3}[=:]\s*)\S+", re.IGNORECASE)


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False,
                          timeout=120)


def restart() -> None:
    """Start the unit anew. Raises ReleaseError."""
    done = _systemctl("restart", UNIT)
    if done.returncode:
        raise ReleaseError(f"{UNIT} does not start: {journal() or done.stderr.strip()}")


def stop() -> None:
    """Stop the unit; fine when it does not run."""
    _systemctl("stop", UNIT)


def state() -> str:
    """Return what systemd says of the unit: active, inactive, failed, …."""
    return _systemctl("is-active", UNIT).stdout.strip() or "unknown"


def wrong(address: str) -> str:
    """Return why the service is not ready, "" when it is."""
    try:
        with urllib.request.urlopen(f"http://{address}:{PORT}/readyz", timeout=ASK_TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        try:
            checks = json.loads(error.read()).get("checks", {})
        except (ValueError, AttributeError):
            checks = {}
        bad = [f"{k}: {v}" for k, v in checks.items() if v != "ok"]
        return f"/readyz answers {error.code}" + (f" ({', '.join(bad)})" if bad else "")
    except OSError as error:
        return f"/readyz does not answer ({getattr(error, 'reason', error)})"


def wait_ready(address: str, seconds: float) -> None:
    """Wait until the service is ready. Raises ReleaseError with its last words."""
    end = time.monotonic() + seconds
    while why := wrong(address):
        if time.monotonic() > end or state() == "failed":
            words = journal()
            raise ReleaseError(f"not ready after {seconds:.0f} s: {why}"
                               + (f". Its last words: {words}" if words else ""))
        time.sleep(0.2)


def readable(line: str) -> str:
    """Return a log line for people: the event of a JSON line, and no secret."""
    try:
        found = json.loads(line)
        line = " ".join(str(found[k]) for k in ("event", "error", "exception") if k in found)
    except (ValueError, TypeError, KeyError):
        pass
    return SECRET.sub(lambda m: (m[1] or m[2] or m[3]) + "***", line)


def journal() -> str:
    """Return the unit's last words that matter, in one line."""
    done = subprocess.run(["journalctl", "--unit", UNIT, "--lines", str(TAIL), "--output", "cat",
                           "--no-pager"], capture_output=True, text=True, check=False, timeout=20)
    lines = [x for x in done.stdout.splitlines()
             if x.strip() and not x.startswith(("Started", "Stopp", "Starting", UNIT))]
    return " / ".join(readable(x)[:200] for x in lines[-3:])


def run_app(params: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run `python -m app` of a release as user dash with credentials, in a transient unit.

    Args:
        params: version ("" = current), argv, config ("" = current), credentials (name → file),
            environment, timeout (seconds).
    """
    release = f"/opt/dash/releases/{params['version']}" if params["version"] else "/opt/dash/current"
    with tempfile.TemporaryDirectory(prefix="dash-app-") as directory:
        env_file = Path("/etc/dash/current/app.env")
        if params["config"]:
            env_file = Path(directory) / "app.env"
            env_file.write_text(params["config"], encoding="utf-8")
        words = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--uid=dash",
                 "--property=EnvironmentFile=/etc/dash/host.env",
                 f"--property=EnvironmentFile={env_file}",
                 f"--property=WorkingDirectory={release}",
                 "--property=ProtectSystem=strict", "--property=PrivateTmp=yes",
                 "--property=NoNewPrivileges=yes"]
        words += [f"--property=LoadCredential={k}:{v}" for k, v in params["credentials"].items()]
        words += [f"--setenv={k}={v}" for k, v in params["environment"].items()]
        words += [f"{release}/venv/bin/python", "-m", "app", *params["argv"]]
        return subprocess.run(words, capture_output=True, text=True, check=False,
                              timeout=params["timeout"], stdin=subprocess.DEVNULL)
