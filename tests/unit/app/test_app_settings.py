"""Settings come from the environment, secrets from files; what cannot be is said in one line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from app import __version__, settings
from app.settings import Settings, SettingsError, load


def refusal() -> str:
    """Return the line with which loading is refused."""
    with pytest.raises(SettingsError) as caught:
        load()
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_every_setting_has_a_default() -> None:
    found = load()
    assert (found.host, found.port, found.metrics_port) == ("127.0.0.1", 8000, 8001)
    assert (found.log_level, found.color, found.key_pepper.get_secret_value()) == ("info", "", "")


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASH_APP_PORT", "8123")
    monkeypatch.setenv("DASH_APP_COLOR", "green")
    found = load()
    assert (found.port, found.color) == (8123, "green")


def test_an_empty_setting_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASH_APP_PORT", "")
    monkeypatch.setenv("DASH_APP_TLS_CERT", "")
    assert (load().port, load().tls_cert) == (8000, None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DASH_APP_PROT", "unknown setting DASH_APP_PROT: did you mean DASH_APP_PORT?"),
        ("dash_app_prot", "unknown setting dash_app_prot: did you mean DASH_APP_PORT?"),
        ("DASH_STACKS", "unknown setting DASH_STACKS: did you mean DASH_STACK?"),
        ("DASH_XYZZY", "unknown setting DASH_XYZZY: docs/reference/settings.md has them all"),
    ],
)
def test_an_unknown_setting_is_an_error_that_names_the_nearest(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert refusal() == said


@pytest.mark.parametrize("name", ["DASH_STACK", "DASH_LAB", "DASH_MIRROR", "OTHER_DASH_APP_X"])
def test_settings_of_the_tools_are_no_concern(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "lab")
    assert load().port == 8000


def test_a_secret_in_the_environment_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASH_APP_DB_PASSWORD", "hunter2hunter2")
    line = refusal()
    assert line.endswith("secrets are files: $CREDENTIALS_DIRECTORY/db_password")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("PORT", "eighty", ("DASH_APP_PORT is 'eighty'", "valid integer")),
        ("PORT", "70000", ("DASH_APP_PORT is '70000'", "less than or equal to 65535")),
        ("LOG_LEVEL", "loud", ("DASH_APP_LOG_LEVEL is 'loud'", "'debug', 'info'")),
        ("KEEP_ALIVE_SECONDS", "30", ("DASH_APP_KEEP_ALIVE_SECONDS is '30'", "equal to 75")),
        ("COLOR", "Blue!", ("DASH_APP_COLOR is 'Blue!'",)),
        ("TLS_KEY", "/k.pem", ("DASH_APP_TLS_KEY is set without DASH_APP_TLS_CERT",)),
        ("POOL_MIN", "9", ("DASH_APP_POOL_MIN is 9, DASH_APP_POOL_MAX only 6",)),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, parts: tuple[str, ...]
) -> None:
    monkeypatch.setenv(f"DASH_APP_{name}", value)
    line = refusal()
    assert [part for part in parts if part not in line] == [], line


def test_the_log_level_may_come_as_log_level_and_in_any_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    assert load().log_level == "debug"
    monkeypatch.setenv("DASH_APP_LOG_LEVEL", "Warning")
    assert load().log_level == "warning"


def test_credentials_are_read_from_systemds_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "db_password").write_text("pw of the database\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found = load()
    assert found.db_password.get_secret_value() == "pw of the database"
    assert found.key_pepper.get_secret_value() == ""
    assert "pw of" not in repr(found)


def test_a_credential_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key_pepper").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert refusal() == f"the credential {tmp_path}/key_pepper cannot be read: Is a directory"
    (tmp_path / "key_pepper").rmdir()
    (tmp_path / "key_pepper").write_bytes(b"\xff\xfe")
    assert refusal() == f"the credential {tmp_path}/key_pepper cannot be read: it is not text"


@pytest.mark.parametrize(("pepper", "word"), [("", "missing"), ("short", "too short")])
def test_a_pepper_that_protects_nothing_is_refused(pepper: str, word: str) -> None:
    with pytest.raises(SettingsError, match=f"key_pepper is {word}: put 16 random characters"):
        Settings(key_pepper=SecretStr(pepper)).pepper()


def test_the_version_is_the_manifests_in_a_release(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.json"
    monkeypatch.setattr(settings, "MANIFEST", manifest)
    assert Settings().version == __version__
    manifest.write_text('{"version": "1.2.3+gabc"}')
    assert Settings().version == "1.2.3+gabc"


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_release_with_a_broken_manifest_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(text)
    monkeypatch.setattr(settings, "MANIFEST", manifest)
    assert f"{manifest} does not say this release's version" in refusal()


def test_the_connection_string_says_everything_libpq_must_know() -> None:
    found = Settings(
        color="blue",
        database_host="db-1",
        database_sslmode="verify-full",
        database_sslrootcert=Path("/etc/dash/ca.pem"),
        database_timeout=2.5,
        db_password=SecretStr("it's a 'secret'"),
    )
    parts = conninfo_to_dict(found.conninfo())
    assert parts["password"] == "it's a 'secret'"
    assert (parts["host"], parts["sslmode"]) == ("db-1", "verify-full")
    assert parts["sslrootcert"] == "/etc/dash/ca.pem"
    assert parts["options"] == "-c statement_timeout=2500"
    assert parts["connect_timeout"] == "2"
    assert parts["application_name"] == f"dash blue {__version__}"


def test_without_a_password_none_is_sent() -> None:
    assert "password" not in conninfo_to_dict(Settings().conninfo())


def test_the_settings_that_a_process_was_started_with_have_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The unit's copy, not what the file says by now; elsewhere there is none."""
    text = "DASH_APP_LOG_LEVEL=debug\n"
    (tmp_path / "config").write_text(text)
    assert Settings().config == ""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert Settings().config == hashlib.sha256(text.encode()).hexdigest()[:12]
