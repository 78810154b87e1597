"""What was done is noted in the same transaction, can be read, and is never altered."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.integration.app.browser import EMAIL, Browser, code, sign_up
from tests.integration.service import App, Serving

CHANGES = ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log")


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(sign_up=True, proxies="127.0.0.0/8") as serving:
        yield serving.ready()


@pytest.fixture(name="root")
def _root(app: App, service: Serving) -> Browser:
    """Return a browser in which an admin is signed in."""
    sign_up(service, "root@example.org")
    done = app.run("user", "role", "--email", "root@example.org", "--role", "admin")
    assert (done.code, done.out) == (0, "user root@example.org is admin now\n")
    browser = Browser(service)
    browser.sign_in("root@example.org")
    return browser


def test_what_is_done_with_keys_and_roles_is_noted_without_a_secret(
    app: App, service: Serving, root: Browser
) -> None:
    made = root.send("POST", "/v1/keys", {"name": "a", "permissions": ["keys:write"]}).document
    path = f"/v1/keys/{made['id']}"
    new = root.send("POST", f"{path}/rotate", {}).document
    own = f"/v1/keys/{new['id']}"
    assert service.ask(own, key=new["key"], method="DELETE").status == 204
    app.run("key", "revoke", made["id"])
    rows = root.send("GET", "/v1/audit").document["entries"]
    seen = [(r["action"], r["actor"].partition(":")[0], r["target"]) for r in reversed(rows)]
    user = root.send("GET", "/v1/me").document["user"]["id"]
    assert seen == [
        ("sign_up", "user", f"user:{user}"),
        ("role_change", "operator", f"user:{user}"),
        ("sign_in", "user", f"user:{user}"),
        ("key_make", "user", f"key:{made['id']}"),
        ("key_rotate", "user", f"key:{made['id']}"),
        ("key_revoke", "user", f"key:{new['id']}"),
        ("key_revoke", "operator", f"key:{made['id']}"),
    ]
    by_id = {r["action"]: r["detail"] for r in rows}
    assert by_id["role_change"] == {"from": "user", "to": "admin"}
    assert by_id["key_make"] == {"session": root.id}
    text = str(rows)
    for secret in (made["key"], new["key"], root.token):
        assert secret not in text


def test_a_deed_that_fails_is_not_noted_as_done(app: App, root: Browser) -> None:
    before = app.database.query("SELECT count(*) FROM audit_log")
    assert root.send("POST", "/v1/keys/AAAAAAAAAAAA/rotate", {}).status == 404
    assert root.send("DELETE", "/v1/keys/AAAAAAAAAAAA").status == 404
    assert app.database.query("SELECT count(*) FROM audit_log") == before
    app.database.query("ALTER TABLE audit_log RENAME TO elsewhere")
    assert root.send("POST", "/v1/keys", {"name": "a"}).status == 500
    assert app.database.query("SELECT count(*) FROM api_keys") == [(0,)]  # nor done unnoted


def test_the_service_cannot_change_what_was_noted(app: App, root: Browser) -> None:
    assert root.id
    with app.database.connect("dash_app") as connection:
        for change in CHANGES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change.encode())


def test_pages_hold_every_entry_once_and_only_some_may_read_them(
    app: App, service: Serving, root: Browser
) -> None:
    for _ in range(3):
        Browser(service).sign_in(EMAIL, "wrong wrong wrong")
    seen, before = [], ""
    while True:
        page = root.send("GET", f"/v1/audit?limit=2{before}").document
        seen += [row["id"] for row in page["entries"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    rows = app.database.query("SELECT id FROM audit_log ORDER BY id DESC")
    assert seen == [n for (n,) in rows]
    for query in ("before=0", "before=x", "limit=0", "limit=101", f"before={2**63}", "after=1"):
        assert code(root.send("GET", f"/v1/audit?{query}")) == (422, "invalid"), query
    sign_up(service)
    ann = Browser(service)
    ann.sign_in()
    assert code(ann.send("GET", "/v1/audit")) == (403, "forbidden")
    assert service.ask("/v1/audit").status == 401


def test_the_address_is_what_our_own_proxy_says_and_nobody_elses(app: App) -> None:
    wish = {"email": EMAIL, "password": "wrong wrong wrong"}  # pragma: allowlist secret
    said = {"X-Forwarded-For": "6.6.6.6, 192.0.2.9"}
    for proxies, given in (("127.0.0.1/32,10.0.0.0/8", "192.0.2.9"), ("10.0.0.0/8", "127.0.0.1")):
        with app.serve(proxies=proxies) as service:
            Browser(service.ready()).send("POST", "/v1/sessions", wish, said)
            rows = app.database.query("SELECT address FROM audit_log ORDER BY id DESC LIMIT 1")
            assert rows == [(given,)]
    with app.serve(proxies="127.0.0.0/8") as service:
        Browser(service.ready()).send("POST", "/v1/sessions", wish, {"X-Forwarded-For": "<b>"})
        rows = app.database.query("SELECT address FROM audit_log ORDER BY id DESC LIMIT 1")
        assert rows == [("127.0.0.1",)]


def test_an_operator_sees_and_ends_sessions(app: App, root: Browser) -> None:
    email = "root@example.org"
    (row,) = app.run("session", "list", "--user", email, "--json").document["sessions"]
    assert (row["id"], row["address"]) == (root.id, "127.0.0.1")
    assert root.token not in app.run("session", "list", "--user", email).out
    done = app.run("session", "revoke", "--user", email)
    assert (done.code, done.out) == (0, f"1 sessions of {email} ended\n")
    assert root.send("GET", "/v1/me").status == 401
    for verb in ("list", "revoke"):
        done = app.run("session", verb, "--user", "no@example.org")
        assert (done.code, done.err) == (1, "there is no user no@example.org\n")
    done = app.run("user", "role", "--email", "no@example.org", "--role", "admin")
    assert (done.code, done.err) == (1, "there is no user no@example.org\n")
