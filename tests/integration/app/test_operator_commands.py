"""`python -m app user|session|audit` as processes: what an operator does is done at once."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.integration.app.browser import EMAIL, PASSWORD, Browser, code, sign_up
from tests.integration.service import App, Serving

BOB = "bob@example.org"
NOBODY = "no@example.org"
CONFIRM = "/v1/password-resets/confirm"


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(sign_up=True) as serving:
        yield serving.ready()


def of(app: App, *names: str) -> list[tuple[object, ...]]:
    """Return columns of the audit log, of what operators did, oldest first."""
    columns = ", ".join(names)
    return app.database.query(
        f"SELECT {columns} FROM audit_log WHERE actor = 'operator' ORDER BY id"  # noqa: S608 -- our own names
    )


def test_a_deactivated_user_is_refused_at_once_in_every_process(app: App, service: Serving) -> None:
    sign_up(service)
    key = app.key(EMAIL)
    link = app.run("user", "password-link", "--email", EMAIL, "--json").document["token"]
    with app.serve() as other:
        both = (service, other.ready())
        ann = Browser(service)
        assert ann.sign_in().status == 201
        for each in both:
            ann.service = each
            assert ann.send("GET", "/v1/me").status == 200
            assert each.ask("/v1/me", key=key).status == 200  # and it is in each one's memory
        done = app.run("user", "deactivate", "--email", EMAIL.upper())
        assert (done.code, done.out) == (
            0, f"user {EMAIL} cannot come in any more, nor can their keys\n",
        )  # fmt: skip
        for each in both:
            ann.service = each
            assert ann.send("GET", "/v1/me").status == 401
            assert each.ask("/v1/me", key=key).status == 401
            assert code(Browser(each).sign_in()) == (401, "unauthorized")
        app.run("user", "activate", "--email", EMAIL)
        assert [each.ask("/v1/me", key=key).status for each in both] == [200, 200]
        assert ann.send("GET", "/v1/me").status == 401  # who was signed in signs in again
        new = {"token": link, "password": "nine quiet lanterns at sea"}  # pragma: allowlist secret
        assert code(Browser(service).send("POST", CONFIRM, new)) == (403, "bad_token")
        assert ann.sign_in().status == 201
    actions = [action for (action,) in of(app, "action")]
    assert actions[-2:] == ["user_deactivate", "user_activate"]
    assert ({"sessions_ended": 1},) in of(app, "detail")


def test_a_removed_user_is_gone_with_keys_and_sessions(app: App, service: Serving) -> None:
    sign_up(service)
    key, bobs = app.key(EMAIL), app.key(BOB)
    ann = Browser(service)
    ann.sign_in()
    assert service.ask("/v1/me", key=key).status == 200
    done = app.run("user", "delete", "--email", EMAIL)
    assert (done.code, done.out) == (0, f"user {EMAIL} is removed, with all keys and sessions\n")
    assert [ann.send("GET", "/v1/me").status, service.ask("/v1/me", key=key).status] == [401, 401]
    assert service.ask("/v1/me", key=bobs).status == 200
    for table in ("api_keys", "sessions", "users"):
        rows = app.database.query(f"SELECT count(*) FROM {table}")  # noqa: S608 -- our own names
        assert rows == [(0 if table == "sessions" else 1,)], table
    assert of(app, "action", "outcome")[-1] == ("user_delete", "ok")
    assert sign_up(service).status == 201  # another user with the same email, and none of its keys
    assert service.ask("/v1/me", key=key).status == 401


@pytest.mark.parametrize("verb", ["role", "password-link", "deactivate", "activate", "delete"])
def test_what_cannot_be_done_with_a_user_is_one_line_and_changes_nothing(
    app: App, verb: str
) -> None:
    more = ("--role", "admin") if verb == "role" else ()
    done = app.run("user", verb, "--email", NOBODY, *more)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith(f"there is no user {NOBODY}")
    wrong = app.run("user", verb, "--email", "ann", *more)
    assert (wrong.code, wrong.err) == (
        1, "'ann' is not an email address: write name@example.org\n",
    )  # fmt: skip
    assert app.run("user", verb).code == 2
    assert of(app, "action") == []


def test_a_fresh_schema_has_no_account(app: App) -> None:
    assert app.run("user", "list").out == "there are no users\n"


def test_users_are_listed_with_who_may_not_come_in(app: App) -> None:
    for email in (EMAIL, BOB):
        app.run("user", "create", "--email", email)
    app.run("user", "deactivate", "--email", BOB)
    assert app.run("user", "list").out == f"{EMAIL} (user)\n{BOB} (user), deactivated\n"
    rows = app.run("user", "list", "--json").document["users"]
    assert [row["active"] for row in rows] == [True, False]
    assert of(app, "action", "detail") == [
        ("user_make", {"role": "user"}),
        ("user_make", {"role": "user"}),
        ("user_deactivate", {"sessions_ended": 0}),
    ]


def test_one_session_is_ended_or_all(app: App, service: Serving) -> None:
    sign_up(service)
    one, two, three = (Browser(service) for _ in range(3))
    assert [each.sign_in().status for each in (one, two, three)] == [201, 201, 201]
    rows = app.run("session", "list", "--user", EMAIL, "--json").document["sessions"]
    assert [row["id"] for row in rows] == [one.id, two.id, three.id]
    done = app.run("session", "revoke", "--user", EMAIL, "--id", two.id)
    assert (done.code, done.out) == (0, f"1 sessions of {EMAIL} ended\n")
    assert [each.send("GET", "/v1/me").status for each in (one, two, three)] == [200, 401, 200]
    strange = str(uuid4())
    again = app.run("session", "revoke", "--user", EMAIL, "--id", strange)
    assert (again.code, again.err) == (1, f"{EMAIL} has no session {strange}\n")
    assert app.run("session", "revoke", "--user", EMAIL, "--id", "two").code == 2
    document = app.run("session", "revoke", "--user", EMAIL, "--json").document
    assert document == {"user": EMAIL, "ended": 2}
    assert app.run("session", "list", "--user", EMAIL).out == f"{EMAIL} is signed in nowhere\n"
    assert of(app, "action", "detail") == [
        ("sign_out", {"sessions": 1}), ("sign_out", {"sessions": 2}),
    ]  # fmt: skip


def test_the_audit_log_is_read_page_by_page(app: App) -> None:
    assert app.run("audit", "list").out == "nothing is noted\n"
    app.database.query(
        "INSERT INTO audit_log (actor, action, target, address, outcome) "
        "SELECT 'nobody', 'sign_in', '', '192.0.2.' || n, 'refused' FROM generate_series(1, 2) n"
    )
    app.run("user", "create", "--email", EMAIL)
    seen: list[int] = []
    before: tuple[str, ...] = ()
    while True:
        page = app.run("audit", "list", "--limit", "2", *before, "--json").document
        seen += [row["id"] for row in page["entries"]]
        if page["next"] is None:
            break
        before = ("--before", str(page["next"]))
    assert seen == [n for (n,) in app.database.query("SELECT id FROM audit_log ORDER BY id DESC")]
    lines = app.run("audit", "list", "--limit", "2").out.splitlines()
    assert lines[2] == f"there is more: --before {seen[1]}"
    ((target,),) = app.database.query("SELECT 'user:' || id FROM users")
    assert " operator user_make ok " in lines[0]
    assert lines[0].endswith(f'{target} {{"role": "user"}}')


@pytest.mark.parametrize(
    "words", [("--limit", "0"), ("--limit", "1001"), ("--before", "x"), ("--before", "0")]
)
def test_a_page_that_cannot_be_is_a_wrong_command_line(bare: App, words: tuple[str, ...]) -> None:
    done = bare.run("audit", "list", *words)
    assert (done.code, done.out) == (2, "")


def test_what_is_typed_about_limits_is_noted(app: App) -> None:
    key = app.key(EMAIL).split("_")[1]
    app.run("key", "limit", key, "--rate", "9")
    assert of(app, "action", "target", "detail")[-1] == (
        "key_limit", f"key:{key}", {"rate_limit": 9, "request_budget": None, "token_budget": None},
    )  # fmt: skip


def test_a_password_is_nowhere_in_what_operators_read(app: App, service: Serving) -> None:
    sign_up(service)
    ann = Browser(service)
    ann.sign_in()
    read = "".join(
        app.run(*words).out
        for words in (
            ("user", "list", "--json"),
            ("session", "list", "--user", EMAIL, "--json"),
            ("audit", "list", "--json"),
        )
    )
    assert ann.id in read
    for secret in (PASSWORD, ann.token, ann.csrf, "$2b$"):
        assert secret not in read
