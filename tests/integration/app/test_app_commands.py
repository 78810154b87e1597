"""`python -m app migrate|user|key` as processes on a real database."""

from __future__ import annotations

import re

import pytest

from app import schema
from tests.integration.service import App

RELEASE = schema.load()
KEY = re.compile(r"dash_([A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})")
LOST = "rows would be lost: --accept-loss undoes these steps with them"


def test_migrate_brings_an_empty_database_up_and_says_so(bare: App) -> None:
    done = bare.migrate()
    assert (done.code, done.err) == (0, "")
    schema_line = f"schema: {', '.join(m.id for m in RELEASE)}\n"
    steps = "".join(f"applied {m.id} ({m.kind})\n" for m in RELEASE)
    assert done.out == steps + schema_line
    assert bare.migrate().out == schema_line


def test_a_plan_is_one_document_on_one_line(bare: App) -> None:
    done = bare.migrate("--plan", "--json")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert done.document == {
        "applied": [],
        "up": [{"id": m.id, "name": m.id[5:], "class": m.kind} for m in RELEASE],
        "held": [],
        "down": [],
        "compatible": False,
        "reason": "migration 0001_initial is not applied",
    }


def test_what_would_lose_rows_ends_with_4_and_names_them(app: App) -> None:
    app.key()
    done = app.migrate("--to", "0")
    assert (done.code, done.err.strip()) == (4, LOST)
    assert "at risk audit_log: 2 rows" in done.out
    app.database.query("DELETE FROM audit_log")
    done = app.migrate("--to", "0")
    assert (done.code, done.err.strip()) == (4, LOST)
    assert (
        "left in place 0001_initial (expand), at risk users: 1 rows, api_keys: 1 rows"
    ) in done.out.splitlines()
    assert app.database.query("SELECT count(*) FROM api_keys") == [(1,)]
    assert app.migrate("--to", "0", "--json").code == 4
    assert app.migrate("--to", "0", "--plan", "--json").code == 0
    done = app.migrate("--to", "0", "--accept-loss")
    assert done.code == 0
    assert "this release does not work with it: migration 0001_initial" in done.out


def test_only_the_owner_migrates(bare: App) -> None:
    done = bare.run("migrate")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("dash_app may not change the schema (permission denied")
    assert "set DASH_APP_DATABASE_USER=dash_owner" in done.err


def test_a_user_is_made_once_and_listed(app: App) -> None:
    made = app.run("user", "create", "--email", "Bob@Example.org", "--role", "operator", "--json")
    assert made.code == 0
    assert (made.document["email"], made.document["role"]) == ("bob@example.org", "operator")
    again = app.run("user", "create", "--email", "bob@example.org")
    assert (again.code, again.err) == (1, "there is a user bob@example.org already\n")
    listed = app.run("user", "list", "--json").document["users"]
    assert [user["email"] for user in listed] == ["bob@example.org"]


def test_a_key_is_printed_once_and_is_nowhere_in_the_database(app: App) -> None:
    done = app.run("key", "create", "--user", "ann@example.org", "--create-user", "--name", "ci")
    found = KEY.fullmatch(done.out.splitlines()[0])
    assert found, done
    (row,) = app.database.query("SELECT public_id, key_hash, k::text FROM api_keys k")
    assert row[0] == found[1]
    assert row[1].startswith("$2b$12$")
    assert found[2] not in row[2]
    listing = app.run("key", "list", "--user", "ann@example.org")
    assert listing.out.startswith(f"{found[1]} ci, expires never, last used never")
    assert found[2] not in listing.out


def test_a_key_for_nobody_is_refused_with_what_to_type(app: App) -> None:
    done = app.run("key", "create", "--user", "ann@example.org")
    assert done.code == 1
    assert done.err == "there is no user ann@example.org: add --create-user to make one\n"
    assert app.database.query("SELECT count(*) FROM users") == [(0,)]


def test_a_key_may_be_made_to_expire(app: App) -> None:
    done = app.run("key", "create", "--user", "a@example.org", "--create-user", "--days", "30")
    assert done.code == 0
    ((days,),) = app.database.query("SELECT (expires_at - now())::text FROM api_keys")
    assert days.startswith("29 days")


def test_create_user_takes_the_user_that_is_there(app: App) -> None:
    app.key()
    app.key()
    assert app.database.query("SELECT count(*) FROM users") == [(1,)]
    assert len(app.run("key", "list", "--user", "ann@example.org", "--json").document["keys"]) == 2


def test_a_key_that_is_not_there_cannot_be_revoked(app: App) -> None:
    done = app.run("key", "revoke", "abcdefghijkl")
    assert done.code == 1
    assert done.err.startswith("there is no key 'abcdefghijkl': python -m app key list")


@pytest.mark.parametrize(
    "words",
    [["user", "list"], ["user", "create", "--email", "a@example.org"],
     ["key", "create", "--user", "a@example.org", "--create-user"]],
)  # fmt: skip
def test_without_a_schema_the_next_command_is_named(bare: App, words: list[str]) -> None:
    done = bare.run(*words)
    assert (done.code, done.out) == (1, "")
    assert done.err == "the tables are not there yet: python -m app migrate\n"


def test_a_wrong_password_is_said_and_not_shown(bare: App) -> None:
    environment = bare.environment()
    (bare.directory / "credentials" / "db_password").write_text("not the password")
    done = bare.run_as_is("user", "list", environment=environment)
    assert done.code == 1
    assert "password authentication failed for user" in done.err
    assert "not the password" not in done.err
    assert done.err.count("\n") == 1


def test_a_key_is_made_with_what_it_may_and_may_use(app: App) -> None:
    words = ("--permission", "chat:write", "--rate", "7", "--tokens", "900", "--requests", "none")
    made = app.run("key", "create", "--user", "a@b", "--create-user", *words, "--json")
    shown = app.run("key", "show", made.document["id"], "--json").document
    assert {name: shown[name] for name in ("permissions", "rate_limit", "token_budget")} == {
        "permissions": ["chat:write"], "rate_limit": 7, "token_budget": 900,
    }  # fmt: skip
    assert (shown["request_budget"], shown["user"]) == (None, "a@b")
    assert shown["used"] == {"minute": 0, "requests": 0, "tokens": 0}
    assert "rate_limit: 7" in app.run("key", "show", made.document["id"]).out
    assert made.document["key"] not in app.run("key", "show", made.document["id"]).out


@pytest.mark.parametrize(
    ("words", "may"),
    [([], ["chat:write", "models:read"]), (["--permission", "none"], [])],
)
def test_a_key_may_ask_models_unless_said_otherwise(
    app: App, words: list[str], may: list[str]
) -> None:
    made = app.run("key", "create", "--user", "a@b", "--create-user", *words, "--json")
    shown = app.run("key", "show", made.document["id"], "--json").document
    assert shown["permissions"] == may


def test_a_key_is_rotated_once(app: App) -> None:
    old = app.key().split("_")[1]
    made = app.run("key", "rotate", old, "--hours", "1", "--json")
    assert (made.code, made.document["replaces"]) == (0, old)
    assert KEY.fullmatch(made.document["key"])
    assert app.run("key", "show", old, "--json").document["replaced_by"] == made.document["id"]
    again = app.run("key", "rotate", old)
    assert (again.code, again.err) == (
        1, f"the key was replaced by {made.document['id']} already\n"
    )  # fmt: skip
    app.run("key", "revoke", made.document["id"])
    refused = app.run("key", "rotate", made.document["id"])
    assert (refused.code, "is revoked: make a new one" in refused.err) == (1, True)


def test_limits_are_changed_for_all_keys_that_share_them(app: App) -> None:
    old = app.key().split("_")[1]
    new = app.run("key", "rotate", old, "--json").document["id"]
    done = app.run("key", "limit", new, "--rate", "9", "--tokens", "5")
    assert done.out == (
        f"key {new}: 9 requests a minute, in a month none requests and 5 tokens; 2 keys share it\n"
    )
    assert app.run("key", "show", old, "--json").document["rate_limit"] == 9
    assert app.run("key", "limit", new).err == "say --rate, --requests or --tokens\n"
    assert app.run("key", "limit", "nothing", "--rate", "1").code == 1


def test_the_description_of_the_api_is_printed(app: App) -> None:
    done = app.run("openapi")
    assert (done.code, done.document["openapi"]) == (0, "3.1.0")
    assert "/v1/keys/{id}/rotate" in done.document["paths"]
