"""Mail over TLS: a server that cannot prove its name gets neither a mail nor the password."""

from __future__ import annotations

import asyncio
import base64
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.access import mail
from app.settings import Settings
from tests.certificates import DAY, certificate
from tests.integration.app.smtp import Post

PASSWORD = "a password of the mail server"  # pragma: allowlist secret


@pytest.fixture(name="trusted")
def _trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of authorities that this process trusts; a test writes it."""
    path = tmp_path / "trusted.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return path


def context(path: Path) -> ssl.SSLContext:
    """Return what a server with this certificate speaks."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(path)
    return made


def settings(post: Post, **more: object) -> Settings:
    """Return the settings of a service that mails with a password."""
    given = {**post.settings, "smtp_user": "dash", **more}
    return Settings(smtp_password=SecretStr(PASSWORD), **given)  # type: ignore[arg-type] # as said


def send(post: Post, **more: object) -> None:
    """Send the mail of these tests."""
    told = settings(post, **more)
    asyncio.run(mail.send(told, "ann@example.org", "Your new password", "a secret link"))


@pytest.mark.parametrize("wrapped", [False, True], ids=["starttls", "tls"])
def test_a_server_that_proves_its_name_gets_mail_and_password_within_tls_alone(
    tmp_path: Path, trusted: Path, wrapped: bool
) -> None:
    file = certificate(tmp_path / "mail.pem", "127.0.0.1", DAY)
    trusted.write_bytes(file.read_bytes())
    with Post(context(file), wrapped=wrapped) as post:
        send(post)

    assert [m["To"] for m in post.mails] == ["ann@example.org"]
    assert [base64.b64decode(p) for p in post.passwords] == [f"\0dash\0{PASSWORD}".encode()]
    outside = {word for word, encrypted in post.words if not encrypted}
    assert outside == (set() if wrapped else {"EHLO", "STARTTLS"})


@pytest.mark.parametrize("wrapped", [False, True], ids=["starttls", "tls"])
@pytest.mark.parametrize(
    ("address", "ends", "known"),
    [
        pytest.param("127.0.0.1", DAY, False, id="of-nobody-we-trust"),
        pytest.param("127.0.0.2", DAY, True, id="of-another-host"),
        pytest.param("127.0.0.1", -DAY, True, id="that-ended"),
    ],
)
def test_a_wrong_certificate_means_that_nothing_was_sent(
    trusted: Path, address: str, ends: timedelta, known: bool, wrapped: bool
) -> None:
    file = certificate(trusted.parent / "mail.pem", address, ends)
    another = trusted.parent / "another.pem"
    believed = file if known else certificate(another, "127.0.0.1", DAY)
    trusted.write_bytes(believed.read_bytes())
    with (
        Post(context(file), wrapped=wrapped) as post,
        pytest.raises(mail.NotSent, match="SSLCertVerificationError") as caught,
    ):
        send(post)

    assert (post.mails, post.passwords) == ([], [])
    assert {word for word, _ in post.words} <= {"EHLO", "STARTTLS"}
    assert PASSWORD not in str(caught.value)


def test_a_server_without_tls_gets_nothing_when_tls_is_wanted(trusted: Path) -> None:
    """Somebody on the way who takes the offer of STARTTLS out learns nothing."""
    trusted.touch()
    with Post() as post, pytest.raises(mail.NotSent, match="SMTPNotSupportedError"):
        send(post, smtp_security="starttls")

    assert (post.mails, post.passwords) == ([], [])
    assert {word for word, _ in post.words} <= {"EHLO", "QUIT"}
