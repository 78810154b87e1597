"""Accounts and keys of a run: made by the service's command line, kept 0600, removed at the end.

The keys may ask a million times a minute: a run measures the service, not its rate limits. What a
killed run left behind is removed by the next one.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from loadtests import lock
from loadtests.target import ROOT, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loadtests.target import Target

    # Runs the service's command line, and gives (exit code, document or what is wrong) of each.
    Ask = Callable[[Sequence[Sequence[str]]], list[tuple[int, Any]]]

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
        ask = _asks(target)
        clear(path, ask)
        emails = tuple(f"load-{run}-{number}@load.example.org" for number in range(1, owners + 1))
        write(path, Accounts(emails))  # a run that is killed meanwhile leaves word of them
        try:
            write(path, make(target, emails, ask))
            yield path
        finally:
            clear(path, ask)


def forgotten(target: Target) -> int:
    """Remove what a killed run left behind; return how many accounts it was.

    Raises:
        TargetError: they cannot be removed.
    """
    path = target.folder / FILE
    try:
        with lock.held(target.folder):
            many = len(read(path).emails) if path.exists() else 0
            clear(path, _asks(target))
    except lock.Held:  # they are of a run that goes on
        return 0
    return many


def make(target: Target, emails: tuple[str, ...], ask: Ask) -> Accounts:
    """Make users with a key each, and a password for the first. Raises TargetError."""
    may = [word for name in MAY for word in ("--permission", name)]
    rest = ["--create-user", "--name", "load", "--rate", str(RATE), *may]
    words = [["key", "create", "--user", email, *rest] for email in emails]
    words.append(["user", "password-link", "--email", emails[0]])
    answers = ask(words)
    for (code, found), (noun, verb, *_) in zip(answers, words, strict=True):
        if code:
            raise TargetError(f"{noun} {verb}: {found}; type ./dash status")
    *made, link = (found for _, found in answers)
    keys, token = tuple(str(each["key"]) for each in made), link["token"]
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
    return Accounts(emails, keys, password)


def clear(path: Path, ask: Ask) -> None:
    """Remove the accounts that a file names, and the file. Raises TargetError."""
    if not path.exists():
        return
    emails = read(path).emails
    for email, (code, said) in zip(
        emails, ask([["user", "delete", "--email", email] for email in emails]), strict=True
    ):
        if code and "there is no user" not in said:
            raise TargetError(f"{email} is not removed: {said}; type ./dash status")
    path.unlink()


def _asks(target: Target) -> Ask:
    """Return what runs the service's command line, all of it in one go."""

    def ask(argvs: Sequence[Sequence[str]]) -> list[tuple[int, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "ops.asking"],
            input=json.dumps([[*argv, "--json"] for argv in argvs]),
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS,
            env={**os.environ, "DASH_STACK": target.stack},
        )  # fmt: skip
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise TargetError(lines[-1])
        return [
            (each["rc"], each["stderr"].strip() if each["rc"] else json.loads(each["stdout"]))
            for each in json.loads(done.stdout)
        ]

    return ask
