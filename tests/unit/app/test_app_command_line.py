"""`python -m app`: what is typed wrong ends with 2, what cannot be done with 1, in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from app import cli, schema


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave logging as it was, and the database unreachable."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    monkeypatch.setenv("DASH_APP_DATABASE_PORT", "1")
    yield
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(name="credentials")
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the process a pepper."""
    (tmp_path / "key_pepper").write_text("0123456789abcdef")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["user"],
        ["user", "create"],
        ["user", "create", "--email", "a@b", "--role", "king"],
        ["key", "create"],
        ["key", "create", "--user", "a@b", "--days", "0"],
        ["key", "create", "--user", "a@b", "--days", "soon"],
        ["key", "create", "--user", "a@b", "--permission", "everything"],
        ["key", "create", "--user", "a@b", "--rate", "0"],
        ["key", "create", "--user", "a@b", "--tokens", "-1"],
        ["key", "create", "--user", "a@b", "--tokens", "some"],
        ["key", "revoke"],
        ["key", "show"],
        ["key", "limit"],
        ["key", "rotate", "abcdefghijkl", "--hours", "721"],
        ["key", "rotate", "abcdefghijkl", "--hours", "\u0663"],
        ["migrate", "--from", "1"],
    ],
)
def test_what_is_typed_wrong_ends_with_2(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.run(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m app")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error; standard output is empty."""
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == ""
    return str(line)


def test_a_wrong_setting_ends_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASH_APP_PROT", "1")
    assert cli.run(["serve"]) == 2
    assert said(capsys) == "unknown setting DASH_APP_PROT: did you mean DASH_APP_PORT?"


def test_the_service_does_not_start_without_a_pepper(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["serve"]) == 2
    assert said(capsys).startswith("the credential key_pepper is missing")


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    "words",
    [
        ["migrate", "--plan"],
        ["user", "create", "--email", "ann@example.org"],
        ["user", "list"],
        ["user", "role", "--email", "ann@example.org", "--role", "admin"],
        ["user", "password-link", "--email", "ann@example.org"],
        ["user", "deactivate", "--email", "ann@example.org"],
        ["user", "activate", "--email", "ann@example.org"],
        ["user", "delete", "--email", "ann@example.org"],
        ["session", "list", "--user", "ann@example.org"],
        ["session", "revoke", "--user", "ann@example.org"],
        ["audit", "list"],
        ["key", "create", "--user", "ann@example.org"],
        ["key", "list", "--user", "ann@example.org"],
        ["key", "show", "abcdefghijkl"],
        ["key", "rotate", "abcdefghijkl"],
        ["key", "limit", "abcdefghijkl", "--rate", "5"],
        ["key", "revoke", "abcdefghijkl"],
    ],
)
def test_a_database_that_is_not_there_is_said_with_its_address(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert cli.run(words) == 1
    assert said(capsys) == "the database dash on 127.0.0.1:1 does not answer: Connection refused"


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    "email",
    [
        "ann",
        "a b@c",
        "@",
        "a@",
        "ann@example.org ",
        "x" * 300 + "@a",
        "ann@exam\u200bple.org",
        "\u0430nn@example.org",
        "a@b,c@d",
        "<a@b>",
        "ann@example.org\nbob",
    ],
)
def test_what_is_no_email_is_refused(capsys: pytest.CaptureFixture[str], email: str) -> None:
    for words in (["user", "create", "--email"], ["key", "create", "--user"]):
        assert cli.run([*words, email]) == 1
        assert said(capsys) == f"{email!r} is not an email address: write name@example.org"


def test_a_bad_migration_file_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "0001_x.sql").write_text("CREATE TABLE x ();")
    monkeypatch.setattr(schema.load, "__defaults__", (tmp_path,))
    assert cli.run(["migrate"]) == 1
    assert said(capsys).startswith("0001_x.sql: begin with '-- class: expand|contract")


def test_an_error_that_holds_a_secret_is_shown_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli._fail("no answer\n from postgresql://dash:" + "hunter2hunter2@db/dash", 1) == 1
    assert said(capsys) == "no answer from postgresql://dash:***@db/dash"


def test_ctrl_c_ends_quietly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", interrupted)
    assert cli.run(["serve"]) == 130
    assert capsys.readouterr().err == ""
