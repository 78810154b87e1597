"""The service's unit on an app host: start it, stop it, ask it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils.errors import (
    Fault,
    last_line,
    one_line,
)

UNIT = "dash-app.service"
PORT = 8000
ASK_TIMEOUT = 3.0  # seconds for one question
SYSTEMCTL_TIMEOUT = 120  # seconds; a stop waits for the requests under way
POLL = 0.2
TAIL = 15  # lines of the journal that are looked at
WORDS = 3  # of these, the last ones that are told
WORD_LENGTH = 200
CRASHES = 3  # starts after which it will not come right by itself
# What must never reach a terminal, whatever a library puts into its messages.
SECRET = re.compile(
    r"(dash_[A-Za-z0-9]+_)[A-Za-z0-9_-]{8,}|(//[^:/@\s]*:)[^@\s]+(?=@)|"
    r"((?:password|secret|token|pepper|authorization|api_?key)\S{0,3}[=:]\s*(?:bearer\s+)?)[^\s,}]+",
    re.IGNORECASE,
)
# What systemd says of every start and stop.
NOISE = re.compile(r"(Start|Stopp)(ed|ing) |.*(Scheduled restart|Deactivated|Consumed|with result)")


class NotReady(Fault):
    """The service does not start, or does not get ready; `str()` is one line."""


@dataclass(frozen=True)
class Answer:
    """What /readyz says: why the service is not ready ("" when it is), its checks, its version."""

    why: str = ""
    checks: dict[str, str] = field(default_factory=dict)
    version: str = ""


def _systemctl(*words: str) -> tuple[int, str, str]:
    """Return exit code, output and errors. Raises NotReady when systemd does not answer."""
    try:
        done = subprocess.run(
            ["systemctl", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=SYSTEMCTL_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise NotReady(f"systemctl {words[0]} took more than {SYSTEMCTL_TIMEOUT} s") from None
    return done.returncode, done.stdout.strip(), done.stderr


def restart() -> None:
    """Start the unit anew. Raises NotReady."""
    since = time.time()
    code, _, said = _systemctl("restart", UNIT)
    if code:
        why = journal(since) or last_line(said) or "no reason given"
        raise NotReady(f"{UNIT} does not start: {why}")


def stop() -> None:
    """Stop the unit; fine when it does not run. Raises NotReady."""
    code, _, said = _systemctl("stop", UNIT)
    if code and state() not in ("inactive", "failed"):
        raise NotReady(f"{UNIT} does not stop: {last_line(said)}")


def state() -> str:
    """Return what systemd says of the unit: active, activating, inactive, failed, …."""
    return _systemctl("is-active", UNIT)[1] or "unknown"


def tell_agents() -> bool:
    """Tell a release that runs to send its agents away; False when it has none, or none runs.

    SIGUSR1 ends a process that does not expect it, such as a release from before there were
    agents: the kernel knows which signals a process catches. Raises NotReady.
    """
    pid = _systemctl("show", "--property=MainPID", "--value", UNIT)[1]
    if not pid.isdigit() or not _catches(Path("/proc") / pid, signal.SIGUSR1):
        return False
    code, _, said = _systemctl("kill", "--kill-whom=main", "--signal=SIGUSR1", UNIT)
    if code:
        raise NotReady(f"{UNIT} was not told to send its agents away: {last_line(said)}")
    return True


def _catches(process: Path, number: int) -> bool:
    """Tell whether a process has a handler for a signal."""
    try:
        status = (process / "status").read_text(encoding="ascii", errors="replace")
    except OSError:  # pid 0, of a unit that does not run, or it ended just now
        return False
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def starts() -> int:
    """Return how often systemd started the unit again by itself."""
    text = _systemctl("show", "--property=NRestarts", "--value", UNIT)[1]
    return int(text) if text.isdigit() else 0


def _checks(body: bytes) -> dict[str, str]:
    try:
        found = json.loads(body)["checks"]
        return {str(k): str(v) for k, v in found.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def ask(address: str) -> Answer:
    """Ask the service whether it is ready."""
    # A proxy of the host's environment has no business between us and our own port.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{PORT}/readyz", timeout=ASK_TIMEOUT) as answer:
            version = answer.headers.get("X-Dash-Version", "")
            return Answer("", _checks(answer.read()), version)
    except urllib.error.HTTPError as error:
        with error:
            checks = _checks(error.read())
        bad = ", ".join(f"{k}: {v}" for k, v in checks.items() if v != "ok")
        why = f"/readyz answers {error.code}" + (f" ({bad})" if bad else "")
        return Answer(why, checks, error.headers.get("X-Dash-Version", ""))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        said = one_line(reason) if isinstance(reason, Exception) else str(reason)
        return Answer(f"/readyz does not answer ({said})")


def wait_ready(address: str, seconds: float, version: str) -> None:
    """Wait until the service is ready and is the version that was started.

    Args:
        address: where it listens.
        seconds: how long at most; a unit that only crashes is given up sooner.
        version: what must answer; another one holds the port.

    Raises:
        NotReady: with the checks that fail and its last words.
    """
    began, before = time.monotonic(), starts()
    since = time.time()
    while True:
        answer = ask(address)
        why = answer.why
        if not why and answer.version not in ("", version):
            why = f"port {PORT} is held by version {answer.version}, not {version}"
        if not why:
            return
        waited = time.monotonic() - began
        crashed = starts() - before >= CRASHES
        if waited > seconds or crashed or state() in ("failed", "inactive"):
            words = journal(since - 1)
            how = "it only crashes" if crashed else f"not ready after {waited:.0f} s"
            raise NotReady(
                f"{version} does not start: {how}: {why}"
                + (f". Its last words: {words}" * bool(words)),
                checks=answer.checks,
            )
        time.sleep(POLL)


def readable(line: str) -> str:
    """Return a log line for people: what a JSON line is about, and no secret."""
    try:
        found = json.loads(line)
        words = [str(found[k]) for k in ("event", "error", "exception", "why") if found.get(k)]
        line = " ".join(words) or line
    except (ValueError, TypeError, AttributeError):
        pass
    text = " ".join(line.split())
    return SECRET.sub(lambda m: (m[1] or m[2] or m[3]) + "***", text)[:WORD_LENGTH]


def journal(since: float) -> str:
    """Return the unit's last words from a moment (epoch) on, in one line without secrets."""
    words = ["journalctl", "--unit", UNIT, f"--since=@{since:.0f}", f"--lines={TAIL}"]
    try:
        done = subprocess.run(
            [*words, "--output=cat", "--no-pager", "--quiet"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [x for x in done.stdout.splitlines() if x.strip()]
    own = [readable(x) for x in lines if not NOISE.match(x)]
    distinct = list(dict.fromkeys(own))  # a unit that crashes says the same each time
    return " / ".join(distinct[-WORDS:])
