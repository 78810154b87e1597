"""What the migration of agents makes of a database that was there before."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import schema
from tests.integration.app.steps import Steps
from tests.integration.postgres import Database

PROBER = "prober@dash.internal"
USER = "INSERT INTO users (email) VALUES (%s) RETURNING id"
KEY = (
    "INSERT INTO api_keys (user_id, public_id, key_hash, name, permissions) "
    "VALUES (%s, %s, %s, 'k', '[]')"
)
PERMISSIONS = "SELECT public_id, permissions FROM api_keys ORDER BY 1"


@pytest.fixture(name="before")
def _before(empty: Database, tmp_path: Path) -> Steps:
    """Return a database as the release before agents left it, with keys."""
    files = {path.stem: path.read_text("utf-8") for path in schema.DIRECTORY.glob("*.sql")}
    steps = Steps(empty, tmp_path / "migrations", files)
    steps.run(to="0008_breaker_state", contract=True)
    for email, public_id in ((PROBER, "prober"), ("ann@example.org", "ann")):
        [(user,)] = empty.query(USER, email)
        empty.query(KEY, user, public_id, public_id)
    return steps


def test_the_probers_key_may_connect_agents_and_nobody_elses(before: Steps) -> None:
    assert before.database.query(PERMISSIONS) == [("ann", []), ("prober", [])]
    before.run(to="0009_agents")
    assert before.database.query(PERMISSIONS) == [("ann", []), ("prober", ["agents:connect"])]


@pytest.mark.parametrize(
    "change", ["UPDATE users SET role = 'viewer'", "UPDATE users SET is_active = false"]
)
def test_whoever_holds_a_session_of_a_changed_user_is_told(before: Steps, change: str) -> None:
    before.run(to="0009_agents")
    with before.database.connect() as connection:
        connection.execute("LISTEN sessions")
        before.database.query(f"{change} WHERE email = %s", PROBER)
        told = [note.payload for note in connection.notifies(timeout=5, stop_after=1)]
        [(user,)] = before.database.query("SELECT id FROM users WHERE email = %s", PROBER)
        assert told == [f"user {user}"]
        before.database.query("UPDATE users SET password_hash = 'x'")
        assert list(connection.notifies(timeout=0.3)) == []
