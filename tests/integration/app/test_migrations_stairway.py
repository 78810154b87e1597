"""Every migration of the release, one at a time: up, down, up leaves the same schema and data."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import schema
from tests.integration.app import fingerprint
from tests.integration.app.steps import NOTES, Steps, ids
from tests.integration.postgres import Database

# Rows for the tables as they are after a migration, so that each is climbed with data in place.
USERS = """
INSERT INTO users (email, role)
SELECT 'user' || n || '@example.org', (ARRAY['admin', 'operator', 'user', 'viewer'])[n % 4 + 1]
FROM generate_series(1, 50) n
"""
KEYS = """
INSERT INTO api_keys (user_id, public_id, key_hash, name, permissions, expires_at)
SELECT id, left(md5(email), 12), md5(email), 'key', '["chat"]', now() FROM users
"""
LIMITS = """
UPDATE api_keys SET request_budget = 5, token_budget = 0, group_id = id, replaced_by = 'x'
WHERE name = 'key'
"""
USAGE = """
INSERT INTO key_usage (group_id, meter, user_id, period, taken, granted)
SELECT id, 'tokens', user_id, now(), 5, 5 FROM api_keys
"""
SESSIONS = """
INSERT INTO sessions (user_id, token_hash, expires_at, address, agent)
SELECT id, sha256(email::bytea), now(), '127.0.0.1', 'a browser' FROM users
"""
FAILURES = "INSERT INTO sign_in_failures (kind, subject, failures) VALUES ('account', 'x', 3)"
RESETS = """
INSERT INTO password_resets (token_hash, user_id, expires_at)
SELECT sha256(email::bytea), id, now() FROM users
"""
AUDIT = """
INSERT INTO audit_log (actor, action, target, address, outcome)
SELECT 'operator', 'role_change', 'user:' || id, '', 'ok' FROM users
"""
CALLS = """
INSERT INTO llm_calls (id, at, user_id, key_id, request_id, model, mode, outcome, path,
  prompt_tokens, completion_tokens, estimated, cost, total_ms, overhead_ms)
SELECT gen_random_uuid(), now(), id, id, 'r', 'm', 'json', 'ok', '{p/x:ok}', 1, 2, false, 0.1, 5, 1
FROM users
"""
BREAKERS = "INSERT INTO breaker_state (deployment, state) VALUES ('p/x', 'open')"
IDENTITIES = "INSERT INTO identities (provider, subject, user_id) SELECT 'ldap', id, id FROM users"
AGENTS = "INSERT INTO agents (user_id, name, sent) SELECT id, 'a', 1 FROM users LIMIT 1"
MESSAGES = (
    "INSERT INTO agent_messages (agent_id, seq, sender, kind, task_id, body) "
    "SELECT id, 1, 'a', 'task', 't', '{}' FROM agents"
)
FILL = {
    "0001_initial": (USERS, KEYS),
    "0004_key_limits": (LIMITS, USAGE),
    "0005_sessions": (SESSIONS, FAILURES, RESETS),
    "0006_audit": (AUDIT,),
    "0007_llm_calls": (CALLS,),
    "0008_breaker_state": (BREAKERS,),
    "0009_agents": (AGENTS, MESSAGES),
    "0010_identities": (IDENTITIES,),
}
RELEASE = schema.load()
REVERSIBLE = [m.id for m in RELEASE if m.kind != "irreversible"]


@pytest.fixture(name="release")
def _release(empty: Database, tmp_path: Path) -> Steps:
    """Return the release's own migrations."""
    files = {path.stem: path.read_text("utf-8") for path in schema.DIRECTORY.glob("*.sql")}
    return Steps(empty, tmp_path / "migrations", files)


def fill(steps: Steps, identity: str) -> None:
    """Add the rows that belong to a migration."""
    for text in FILL.get(identity, ()):
        steps.database.query(text)


@pytest.mark.parametrize("identity", REVERSIBLE)
def test_up_down_up_leaves_the_same_schema_and_data(release: Steps, identity: str) -> None:
    """The data of the steps below stay through it all; what the step itself made is gone."""
    below = [m.id for m in RELEASE if m.id < identity]
    for step in below:
        release.run(to=step, contract=True)
        fill(release, step)
    before = fingerprint.schema(release.database), fingerprint.data(release.database)
    release.run(to=identity, contract=True)
    above = fingerprint.schema(release.database)
    assert above != before[0]
    fill(release, identity)
    release.run(to=below[-1] if below else "0", accept_loss=True)
    assert (fingerprint.schema(release.database), fingerprint.data(release.database)) == before
    release.run(to=identity, contract=True)
    assert fingerprint.schema(release.database) == above
    if below:
        assert fingerprint.kept(before[1], fingerprint.data(release.database))


def test_the_whole_way_down_from_a_filled_database_and_up_again(release: Steps) -> None:
    release.run(contract=True)
    for identity in REVERSIBLE:
        fill(release, identity)
    above = fingerprint.schema(release.database)
    assert sum(map(len, fingerprint.data(release.database).values())) >= 100
    assert release.run(to="0").left
    assert fingerprint.schema(release.database) == above
    release.run(to="0", accept_loss=True)
    assert release.tables() == []
    release.run(contract=True)
    assert fingerprint.schema(release.database) == above


def test_each_migration_with_data_at_risk_has_rows_here() -> None:
    """A migration that is added with a risk query gets rows in FILL."""
    assert [m.id for m in RELEASE if m.risk and m.id not in FILL] == []


@pytest.mark.parametrize(
    "change",
    [
        "CREATE INDEX i ON users (role)",
        "ALTER TABLE users ALTER role DROP DEFAULT",
        "ALTER TABLE api_keys DROP CONSTRAINT api_keys_key_hash_key",
        "REVOKE ALL ON users FROM dash_app",
        "ALTER TABLE users ADD CHECK (email <> 'x')",
        "ALTER TABLE users OWNER TO postgres",
    ],
)
def test_fingerprints_see_every_kind_of_change(release: Steps, change: str) -> None:
    release.run()
    before = fingerprint.schema(release.database)
    release.database.query(change)
    assert fingerprint.schema(release.database) != before


def test_a_down_step_that_forgets_something_is_found(empty: Database, tmp_path: Path) -> None:
    """The stairway can fail: an index on a table that stays is not taken back."""
    forgets = (
        "-- class: expand\n-- migrate:up\nCREATE INDEX forgotten ON notes (body);\n"
        "-- migrate:down\nSELECT 1;\n"
    )
    steps = Steps(empty, tmp_path / "m", {"0001_notes": NOTES, "0002_index": forgets})
    steps.run(to="1")
    before = fingerprint.schema(empty)
    steps.run()
    assert ids(steps.run(to="1").down) == ["0002_index"]
    assert fingerprint.schema(empty) != before
