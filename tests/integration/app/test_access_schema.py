"""Back to a release from before people signed in: what they left is named, and goes when told."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import schema
from tests.integration.app.browser import EMAIL, Browser, sign_up
from tests.integration.app.steps import Steps, ids
from tests.integration.service import App

LAST = "0004_key_limits"
ACCESS = ["0006_audit", "0005_sessions"]
DOWN = sorted((p.stem for p in schema.DIRECTORY.glob("*.sql") if p.stem > LAST), reverse=True)
TABLES = {"audit_log", "password_resets", "sessions", "sign_in_failures"}


@pytest.fixture(name="old")
def _old(app: App, tmp_path: Path) -> Steps:
    """Return the migrations of the release before: it does not know those of this one."""
    found = {p.stem: p.read_text("utf-8") for p in schema.DIRECTORY.glob("*.sql")}
    return Steps(app.database, tmp_path / "old", {k: v for k, v in found.items() if k <= LAST})


def test_what_people_left_stays_in_place_and_is_named(app: App, old: Steps) -> None:
    """A rollback drops no session and no line of the audit log; the older release runs beside."""
    with app.serve(sign_up=True) as service:
        sign_up(service.ready())
        assert Browser(service).sign_in().status == 201
        wrong = "wrong wrong wrong"
        assert Browser(service).sign_in(password=wrong).status == 401
    assert app.run("user", "password-link", "--email", EMAIL).code == 0
    plan = old.run(to=LAST, plan=True)
    report = old.run(to=LAST)

    assert {r["what"]: r["rows"] for step in plan.down for r in step["risk"]} == {
        "audit_log": 4,
        "sessions": 1,
        "sign_in_failures": 3,
        "password_resets": 1,
    }
    assert [(s["id"], s["left"]) for s in report.down] == [(step, step in ACCESS) for step in DOWN]
    assert report.compatible
    assert set(old.tables()) > TABLES
    assert app.database.query("SELECT count(*) FROM sessions") == [(1,)]


def test_who_accepts_the_loss_gets_the_schema_of_before_and_can_come_back(
    app: App, old: Steps
) -> None:
    app.key("bob@example.org")
    report = old.run(to=LAST, accept_loss=True)
    assert [(s["id"], s["left"]) for s in report.down] == [(step, False) for step in DOWN]
    assert not set(old.tables()) & TABLES
    assert app.database.query("SELECT count(*) FROM api_keys") == [(1,)]  # of before: it stays

    again = Steps(app.database, schema.DIRECTORY, {}).run()
    assert ids(again.up) == DOWN[::-1]
    with app.serve(sign_up=True) as service:
        sign_up(service.ready())
        assert Browser(service).sign_in().status == 201


def test_empty_tables_are_nobodys_loss(old: Steps) -> None:
    report = old.run(to=LAST)

    assert ([s["risk"] for s in report.down], report.left) == ([[] for _ in DOWN], [])
    assert not set(old.tables()) & TABLES
