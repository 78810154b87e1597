"""What happens between the look at a password and the session it opens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from app.access.passwords import Passwords
from app.access.principal import Caller
from app.access.sessionservice import SessionService
from app.db import Direct
from app.errors import ApiError, Unauthorized
from app.settings import Settings
from tests.integration.app.browser import EMAIL, PASSWORD
from tests.integration.service import PEPPER, App

CALLER = Caller(address="192.0.2.1", agent="a browser")


class Slow(Passwords):
    """Something happens while a password is checked."""

    app: App
    meanwhile = ""
    busy = False

    async def matches(self, password: str, kept: str | None) -> bool:
        """Check it, and let that happen."""
        if self.busy:
            raise ApiError(429, "busy", "too many", retry_after=1)
        right = await super().matches(password, kept)
        if self.meanwhile:
            self.app.database.query(self.meanwhile)
        return right


@pytest.fixture(name="passwords")
def _passwords(app: App) -> Iterator[Slow]:
    made = Slow(1)
    made.app = app
    yield made
    made.close()


@pytest.fixture(name="sessions")
async def _sessions(app: App, passwords: Slow) -> SessionService:
    """Return the service's part, with ann signed up."""
    host, port = app.database.address
    settings = Settings(
        database_host=host,
        database_port=port,
        database_name=app.database.name,
        db_password=SecretStr(app.database.server.password),
        key_pepper=SecretStr(PEPPER),
        sign_up=True,
    )
    made = SessionService(Direct(settings), settings, passwords)
    await made.sign_up(EMAIL, PASSWORD, CALLER)
    return made


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE users SET password_hash = 'another'",  # pragma: allowlist secret
        "UPDATE users SET is_active = false",
        "DELETE FROM users",
    ],
)
async def test_a_password_that_changed_meanwhile_opens_nothing(
    app: App, sessions: SessionService, passwords: Slow, meanwhile: str
) -> None:
    passwords.meanwhile = meanwhile
    with pytest.raises(Unauthorized):
        await sessions.sign_in(EMAIL, PASSWORD, CALLER)
    assert app.database.query("SELECT count(*) FROM sessions") == [(0,)]


async def test_what_nobody_looked_at_is_not_counted_as_a_failure(
    sessions: SessionService, passwords: Slow
) -> None:
    passwords.busy = True
    for _ in range(7):
        with pytest.raises(ApiError) as caught:
            await sessions.sign_in(EMAIL, PASSWORD, CALLER)
        assert caught.value.code == "busy"
    passwords.busy = False
    assert (await sessions.sign_in(EMAIL, PASSWORD, CALLER)).session.email == EMAIL


async def test_what_is_over_is_cleared_up(app: App, sessions: SessionService) -> None:
    for _ in range(2):
        await sessions.sign_in(EMAIL, PASSWORD, CALLER)
    app.database.query(
        "UPDATE sessions SET expires_at = now() WHERE id = (SELECT id FROM sessions LIMIT 1)"
    )
    app.database.query("UPDATE sign_in_failures SET last_at = now() - interval '2 days'")
    await sessions.purge()
    assert app.database.query("SELECT count(*) FROM sessions") == [(1,)]
    assert app.database.query("SELECT count(*) FROM sign_in_failures") == [(0,)]


async def test_a_user_has_so_many_sessions_and_the_oldest_go(
    app: App, sessions: SessionService
) -> None:
    app.database.query(
        "INSERT INTO sessions (user_id, token_hash, created_at, expires_at, address, agent) "
        "SELECT id, sha256(n::text::bytea), now() - make_interval(mins => n), "
        "now() + interval '1 day', '', '' FROM users, generate_series(1, 50) n"
    )
    begun = await sessions.sign_in(EMAIL, PASSWORD, CALLER)
    assert app.database.query("SELECT count(*) FROM sessions") == [(50,)]
    assert (await sessions.find(begun.token)).id == begun.session.id
