"""Ask the stack's Loki, over ssh: it answers on its own host alone."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ops import inventory
from ops.console import UserError

if TYPE_CHECKING:
    from ops.session import Session

ADDRESS = "http://127.0.0.1:3100/loki/api/v1/query_range"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SECONDS = 60  # for one answer
DAYS = 7  # how far back a request is looked for


@dataclass(frozen=True, kw_only=True, order=True)
class Line:
    """One line as Loki has it."""

    at: int  # nanoseconds since 1970
    host: str
    unit: str
    level: str
    text: str

    def __str__(self) -> str:
        """Return it for people."""
        moment = datetime.fromtimestamp(self.at / 1e9, UTC).isoformat(timespec="milliseconds")
        return f"{moment.removesuffix('+00:00')}Z {self.host} {self.unit} {self.level} {self.text}"


def of_request(request_id: str) -> str:
    """Return the question for all lines of a request.

    Raises:
        UserError: no request has such an id.
    """
    if not REQUEST_ID.fullmatch(request_id):
        raise UserError(f"{request_id!r} is no request id: 8 to 64 letters, digits, '.', '_', '-'")
    return f'{{host=~".+"}} | request_id="{request_id}"'


def command(query: str, limit: int, now: float) -> str:
    """Return the remote command that asks for the newest lines."""
    given = {
        "query": query,
        "limit": str(limit),
        "start": str(int(now - DAYS * 86400)),
        "end": str(int(now) + 5),
    }
    words = ["curl", "--silent", "--show-error", "--fail-with-body", "--get", ADDRESS]
    for name, value in given.items():
        words += ["--data-urlencode", f"{name}={value}"]
    return shlex.join(words)


def parse(answer: str) -> list[Line]:
    """Return the lines of an answer, oldest first. Raises ValueError, KeyError: it is none."""
    document: dict[str, Any] = json.loads(answer)
    return sorted(
        Line(
            at=int(at),
            host=stream["stream"].get("host", ""),
            unit=stream["stream"].get("unit", ""),
            level=stream["stream"].get("level", ""),
            text=text,
        )
        for stream in document["data"]["result"]
        for at, text, *_ in stream["values"]
    )


def ask(session: Session, query: str, limit: int) -> list[Line]:
    """Return the newest lines that the first Loki which answers finds, oldest first.

    Raises:
        UserError: the stack has no monitor, or Loki gives no answer.
    """
    hosts = sorted(inventory.hosts(session).items())
    monitors = [each for _, each in hosts if each.get("dash_role") == "monitor"]
    if not monitors:
        raise UserError(f"{session.stack} has no monitor: ./dash logs HOST shows a host's journal")
    for monitor in monitors[:-1]:
        with suppress(UserError):
            return _ask(monitor, query, limit)
    return _ask(monitors[-1], query, limit)


def _ask(monitor: dict[str, Any], query: str, limit: int) -> list[Line]:
    """Ask the Loki of one monitor. Raises UserError: it gives no answer."""
    argv = [*inventory.ssh(monitor), command(query, limit, time.time())]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            said = (done.stdout or done.stderr).strip().splitlines()
            raise UserError(f"Loki does not answer: {said[-1] if said else 'no reason given'}")
        return parse(done.stdout)
    except subprocess.TimeoutExpired:
        raise UserError(f"Loki gave no answer within {SECONDS} s") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"Loki's answer cannot be read: {error}") from None
