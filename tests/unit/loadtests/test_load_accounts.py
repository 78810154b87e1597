"""Accounts of a run: made, lent, removed; and one load at a time."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from loadtests import accounts, lock
from loadtests.target import Target, TargetError


class Service(BaseHTTPRequestHandler):
    """Takes new passwords, unless its token is not the one that was made."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = (self.path, body["token"]) == ("/v1/password-resets/confirm", "token-1")
        self.send_response(204 if good and len(body["password"]) > 20 else 400)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name there
        del format, args


class ServiceWords:
    """Stands in for the service's command line: answers as it does, and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[list[list[str]]] = []
        self.token = "token-1"
        self.refuses: dict[str, str] = {}

    def __call__(self, argvs: Sequence[Sequence[str]]) -> list[tuple[int, Any]]:
        self.told.append([list(argv) for argv in argvs])
        return [self._answer(list(argv)) for argv in argvs]

    def _answer(self, argv: list[str]) -> tuple[int, Any]:
        if why := self.refuses.get(" ".join(argv[:2])):
            return 1, why
        return 0, {"key": f"dash_{argv[3]}", "token": self.token}


@pytest.fixture(name="target")
def _target(tmp_path: Path) -> Iterator[Target]:
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Target(f"http://127.0.0.1:{server.server_port}", directory=str(tmp_path))
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(name="words")
def _words(monkeypatch: pytest.MonkeyPatch) -> ServiceWords:
    words = ServiceWords()
    monkeypatch.setattr(accounts, "_asks", lambda _target: words)
    return words


EMAILS = ("load-ab-1@load.example.org", "load-ab-2@load.example.org")
DELETED = [["user", "delete", "--email", email] for email in EMAILS]


def test_accounts_are_made_in_one_go_with_wide_limits_lent_and_removed_in_another(
    target: Target, words: ServiceWords
) -> None:
    with accounts.lent(target, 2, "ab") as path:
        lent = accounts.read(path)
        (made,) = words.told

    keys = tuple(f"dash_{email}" for email in EMAILS)
    assert (lent.emails, lent.keys, len(lent.password)) == (EMAILS, keys, 32)
    assert [argv[argv.index("--rate") + 1] for argv in made[:2]] == ["1000000"] * 2
    assert made[2:] == [["user", "password-link", "--email", EMAILS[0]]]
    assert words.told[1:] == [DELETED]
    assert not path.exists()


def test_accounts_that_could_be_made_by_half_are_removed(
    target: Target, words: ServiceWords
) -> None:
    words.token = "another"

    with pytest.raises(TargetError, match=r"takes no password: .*; type \./dash doctor"):
        accounts.lent(target, 2, "ab").__enter__()

    assert words.told[-1] == DELETED
    assert not (target.folder / accounts.FILE).exists()


def test_what_the_service_refuses_is_said_with_what_to_type(
    target: Target, words: ServiceWords
) -> None:
    words.refuses = {"key create": "the tables are not there yet"}

    with pytest.raises(TargetError, match=r"^key create: the tables are .*; type \./dash status"):
        accounts.lent(target, 2, "ab").__enter__()


def test_accounts_that_are_gone_already_are_no_fault_and_those_that_stay_are(
    target: Target, words: ServiceWords
) -> None:
    words.refuses = {"user delete": f"there is no user {EMAILS[0]}"}
    with accounts.lent(target, 2, "ab") as path:
        pass
    assert not path.exists()

    words.refuses = {"user delete": "the database is read-only"}
    lent = accounts.lent(target, 2, "ab")
    lent.__enter__()
    with pytest.raises(TargetError, match=r"is not removed: the database is read-only; type"):
        lent.__exit__(None, None, None)

    assert accounts.read(path).emails == EMAILS, "the next run has word of them"


def test_a_second_load_is_refused_and_takes_nothing_from_the_first(
    target: Target, words: ServiceWords
) -> None:
    with accounts.lent(target, 1, "ab") as path:
        told = list(words.told)
        with pytest.raises(TargetError, match=rf"already runs .* \(process {os.getpid()}\)"):
            accounts.lent(target, 1, "cd").__enter__()

        assert (words.told, path.exists()) == (told, True)


def test_what_a_killed_run_left_is_removed_and_counted_and_a_live_run_is_let_be(
    target: Target, words: ServiceWords
) -> None:
    path = target.folder / accounts.FILE
    assert accounts.forgotten(target) == 0
    accounts.write(path, accounts.Accounts(EMAILS))
    with lock.held(target.folder):
        assert (accounts.forgotten(target), words.told, path.exists()) == (0, [], True)

    assert (accounts.forgotten(target), words.told) == (2, [DELETED])
    assert not path.exists()


def test_the_lock_of_a_load_that_is_gone_is_free(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text("4194304\n")

    with lock.held(tmp_path):
        assert (tmp_path / lock.FILE).read_text() == f"{os.getpid()}\n"
    with lock.held(tmp_path):
        pass
