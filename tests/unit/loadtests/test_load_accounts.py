"""Accounts of a run: made, lent, removed; and one load at a time."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
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


class Dash:
    """Stands in for `./dash`: answers as it does, and keeps what it was told."""

    def __init__(self, token: str = "token-1") -> None:
        self.told: list[list[str]] = []
        self.token = token

    def __call__(self, words: list[str]) -> dict[str, Any]:
        self.told.append(words)
        return {"key": f"dash_{len(self.told)}", "token": self.token}


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


@pytest.fixture(name="dash")
def _dash(monkeypatch: pytest.MonkeyPatch) -> Dash:
    dash = Dash()
    monkeypatch.setattr(accounts, "_dash", lambda _target: dash)
    return dash


def test_accounts_are_made_with_wide_limits_lent_and_removed(target: Target, dash: Dash) -> None:
    with accounts.lent(target, 2, "ab") as path:
        lent = accounts.read(path)
        made = list(dash.told)

    emails = ("load-ab-1@load.example.org", "load-ab-2@load.example.org")
    assert (lent.emails, lent.keys, len(lent.password)) == (emails, ("dash_1", "dash_2"), 32)
    assert [words[words.index("--rate") + 1] for words in made[:2]] == ["1000000"] * 2
    assert dash.told[3:] == [["user", "delete", "--email", email] for email in emails]
    assert not path.exists()


def test_accounts_that_could_be_made_by_half_are_removed(target: Target, dash: Dash) -> None:
    dash.token = "another"

    with pytest.raises(TargetError, match=r"takes no password: .*; type \./dash doctor"):
        accounts.lent(target, 1, "ab").__enter__()

    assert dash.told[-1] == ["user", "delete", "--email", "load-ab-1@load.example.org"]
    assert not (target.folder / accounts.FILE).exists()


def test_a_second_load_is_refused_and_takes_nothing_from_the_first(
    target: Target, dash: Dash
) -> None:
    with accounts.lent(target, 1, "ab") as path:
        told = list(dash.told)
        with pytest.raises(TargetError, match=rf"already runs .* \(process {os.getpid()}\)"):
            accounts.lent(target, 1, "cd").__enter__()

        assert (dash.told, path.exists()) == (told, True)


def test_the_lock_of_a_load_that_is_gone_is_free(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text("4194304\n")

    with lock.held(tmp_path):
        assert (tmp_path / lock.FILE).read_text() == f"{os.getpid()}\n"
    with lock.held(tmp_path):
        pass
