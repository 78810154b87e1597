"""Accounts and keys of a run: made through `./dash`, kept 0600, removed at the end.

The keys may ask a million times a minute: a run measures the service, not its rate limits. What a
killed run left behind is removed by the next one.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from loadtests import lock
from loadtests.target import ROOT, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loadtests.target import Target

FILE = "accounts.json"
RATE = 1_000_000  # requests a minute of a key: the most that the service gives
MAY = ("agents:connect", "agents:read", "chat:write", "models:read")
SECONDS = 180.0
ONE_REQUEST = 30.0


@dataclass(frozen=True)
class Accounts:
    """Who sends the load. The first of all also signs in, with the password."""

    emails: tuple[str, ...]
    keys: tuple[str, ...] = field(default=(), repr=False)
    password: str = field(default="", repr=False)


def read(path: Path) -> Accounts:
    """Return the accounts of a file.

    Raises:
        TargetError: they cannot be read.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        return Accounts(tuple(found["emails"]), tuple(found["keys"]), found["password"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"the accounts of {path} cannot be read: {error}") from None


def write(path: Path, accounts: Accounts) -> None:
    """Keep accounts where only this user reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(asdict(accounts)) + "\n", "utf-8")


@contextmanager
def lent(target: Target, owners: int, run: str) -> Iterator[Path]:
    """Make accounts for the block, yield the file that has them, and remove them afterwards.

    Raises:
        TargetError: they cannot be made, or another load has the stack's.
    """
    with lock.held(target.folder):
        path = target.folder / FILE
        dash = _dash(target)
        clear(path, dash)
        emails = tuple(f"load-{run}-{number}@load.example.org" for number in range(1, owners + 1))
        write(path, Accounts(emails))  # a run that is killed meanwhile leaves word of them
        try:
            write(path, make(target, emails, dash))
            yield path
        finally:
            clear(path, dash)


def make(
    target: Target, emails: tuple[str, ...], dash: Callable[[list[str]], dict[str, Any]]
) -> Accounts:
    """Make users with a key each, and a password for the first. Raises TargetError."""
    may = [word for name in MAY for word in ("--permission", name)]
    keys = []
    for email in emails:
        words = ["key", "create", "--user", email, "--create-user", "--name", "load"]
        keys.append(str(dash([*words, "--rate", str(RATE), *may])["key"]))
    token = dash(["user", "password-link", "--email", emails[0]])["token"]
    password = secrets.token_urlsafe(24)
    body = json.dumps({"token": token, "password": password}).encode()
    request = urllib.request.Request(  # noqa: S310 -- loopback alone, see target
        f"{target.url}/v1/password-resets/confirm", body, {"Content-Type": "application/json"}
    )
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if target.url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=target.tls()))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=ONE_REQUEST):
            pass
    except OSError as error:
        raise TargetError(f"{target.url} takes no password: {error}; type ./dash doctor") from None
    return Accounts(emails, tuple(keys), password)


def clear(path: Path, dash: Callable[[list[str]], dict[str, Any]]) -> None:
    """Remove the accounts that a file names, and the file. Raises TargetError."""
    if not path.exists():
        return
    for email in read(path).emails:
        try:
            dash(["user", "delete", "--email", email])
        except TargetError as error:
            if "there is no user" not in str(error):
                raise
    path.unlink()


def _dash(target: Target) -> Callable[[list[str]], dict[str, Any]]:
    """Return what runs a verb of `./dash` and gives its document."""

    def run(words: list[str]) -> dict[str, Any]:
        done = subprocess.run(
            ["./dash", "--stack", target.stack, "--json", *words],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise TargetError(f"./dash {' '.join(words[:2])}: {lines[-1]}")
        found: dict[str, Any] = json.loads(done.stdout or "{}")
        return found

    return run
