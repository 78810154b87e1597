"""People sign up, sign in and out on the real service; sessions end when they should."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.app.browser import (
    EMAIL,
    PASSWORD,
    Browser,
    audited,
    code,
    cookie,
    sign_up,
)
from tests.integration.service import App, Serving, until


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(sign_up=True) as serving:
        yield serving.ready()


@pytest.fixture(name="ann")
def _ann(service: Serving) -> Browser:
    """Return a browser in which ann is signed in."""
    assert sign_up(service).status == 201
    browser = Browser(service)
    assert browser.sign_in().status == 201
    return browser


def test_a_person_signs_up_signs_in_and_out(app: App, service: Serving) -> None:
    made = sign_up(service, "Ann@Example.org")
    assert (made.status, made.document["email"], made.document["role"]) == (201, EMAIL, "user")
    browser = Browser(service)
    answer = browser.sign_in()
    assert answer.status == 201
    flags = cookie(answer)
    assert (flags["secure"], flags["httponly"], flags["samesite"]) == (True, True, "Lax")
    assert (flags["path"], flags["domain"]) == ("/", "")
    me = browser.send("GET", "/v1/me").document
    assert me == answer.document
    assert (me["user"]["email"], me["key"], me["session"]["id"]) == (EMAIL, None, browser.id)
    gone = browser.send("DELETE", "/v1/sessions/current")
    assert gone.status == 204
    assert (cookie(gone).value, cookie(gone)["max-age"]) == ("", "0")
    assert code(browser.send("GET", "/v1/me")) == (401, "unauthorized")
    assert audited(app) == [("sign_up", "ok"), ("sign_in", "ok"), ("sign_out", "ok")]


def test_nobody_signs_up_unless_it_is_allowed(app: App) -> None:
    with app.serve() as service:
        assert code(sign_up(service.ready())) == (403, "sign_up_closed")
    assert app.database.query("SELECT count(*) FROM users") == [(0,)]


def test_no_secret_is_in_the_database_nor_in_the_log(
    app: App, service: Serving, ann: Browser
) -> None:
    rows = "".join(
        str(app.database.query(f"SELECT to_jsonb(t)::text FROM {table} t"))  # noqa: S608 -- our own names
        for table in ("users", "sessions", "audit_log", "sign_in_failures")
    )
    assert ann.id in rows
    for text in (rows, "\n".join(service.lines)):
        assert ann.token not in text
        assert PASSWORD not in text
        assert ann.csrf not in text


def test_a_session_goes_on_in_another_process_and_ends_in_all_at_once(
    app: App, service: Serving, ann: Browser
) -> None:
    service.stop()
    service.ended()
    with app.serve() as one, app.serve() as two:
        ann.service = one.ready()
        assert ann.send("GET", "/v1/me").status == 200
        assert ann.send("DELETE", f"/v1/sessions/{ann.id}").status == 204
        ann.service = two.ready()
        assert ann.send("GET", "/v1/me").status == 401


def test_a_session_ends_when_it_is_not_used(app: App, ann: Browser) -> None:
    with app.serve(session_idle_seconds=2) as quick:
        ann.service = quick.ready()
        app.database.query("UPDATE sessions SET last_seen_at = now() - interval '1.5 s'")
        assert ann.send("GET", "/v1/me").status == 200  # and that keeps it alive
        app.database.query("UPDATE sessions SET last_seen_at = last_seen_at - interval '1 s'")
        assert ann.send("GET", "/v1/me").status == 200
        app.database.query("UPDATE sessions SET last_seen_at = now() - interval '3 s'")
        assert ann.send("GET", "/v1/me").status == 401


def test_a_session_ends_after_its_time_however_much_it_is_used(app: App) -> None:
    with app.serve(sign_up=True, session_seconds=2) as service:
        sign_up(service.ready())
        browser = Browser(service)
        assert cookie(browser.sign_in())["max-age"] == "2"
        until(lambda: browser.send("GET", "/v1/me").status == 401, 5)


def test_a_password_does_not_expire(app: App, ann: Browser) -> None:
    app.database.query("UPDATE users SET created_at = 'epoch', updated_at = 'epoch'")
    assert ann.sign_in().status == 201


def test_one_sees_and_ends_ones_own_sessions_and_no_others(service: Serving, ann: Browser) -> None:
    sign_up(service, "bob@example.org")
    bob, second = Browser(service), Browser(service)
    assert [bob.sign_in("bob@example.org").status, second.sign_in().status] == [201, 201]
    rows = ann.send("GET", "/v1/sessions").document["sessions"]
    assert {row["id"]: row["current"] for row in rows} == {ann.id: True, second.id: False}
    assert {row["address"] for row in rows} == {"127.0.0.1"}
    assert code(ann.send("DELETE", f"/v1/sessions/{bob.id}")) == (404, "not_found")
    assert bob.send("GET", "/v1/me").status == 200
    ended = ann.send("DELETE", f"/v1/sessions/{second.id}")
    assert (ended.status, "Set-Cookie" in ended.headers) == (204, False)
    assert second.send("GET", "/v1/me").status == 401
    second.sign_in()
    assert ann.send("DELETE", "/v1/sessions").status == 204
    assert [x.send("GET", "/v1/me").status for x in (ann, second, bob)] == [401, 401, 200]


def test_a_session_may_what_the_role_may_from_the_next_request_on(app: App, ann: Browser) -> None:
    made = ann.send("POST", "/v1/keys", {"name": "x", "permissions": ["chat:write"]})
    assert made.status == 201
    assert ann.service.ask("/v1/me", key=made.document["key"]).status == 200
    app.database.query("UPDATE users SET role = 'viewer'")
    assert code(ann.send("POST", "/v1/keys", {"name": "x"})) == (403, "forbidden")
    assert ann.send("GET", "/v1/keys").status == 200
    app.database.query("UPDATE users SET is_active = false")
    assert ann.send("GET", "/v1/keys").status == 401


FORGED: tuple[tuple[dict[str, str], str], ...] = (
    ({"X-CSRF-Token": ""}, "csrf"),
    ({"X-CSRF-Token": "0" * 64}, "csrf"),
    ({"X-CSRF-Token": "\u00e4"}, "csrf"),
    ({"Origin": "https://evil.example"}, "cross_site"),
    ({"Origin": "null"}, "cross_site"),
    ({"Origin": "http://["}, "cross_site"),
    ({"Origin": ""}, "cross_site"),
    ({"Sec-Fetch-Site": "cross-site"}, "cross_site"),
    ({"Sec-Fetch-Site": "same-site"}, "cross_site"),
)


def test_pages_of_other_sites_change_nothing(app: App, ann: Browser) -> None:
    for headers, why in FORGED:
        for method, path, body in (
            ("POST", "/v1/keys", {"name": "x"}),
            ("DELETE", "/v1/sessions", None),
            ("DELETE", "/v1/sessions/current", None),
        ):
            assert code(ann.send(method, path, body, headers)) == (403, why), (headers, path)
    other = Browser(ann.service)
    other.sign_in()
    assert code(ann.send("DELETE", "/v1/sessions", None, {"X-CSRF-Token": other.csrf}))[0] == 403
    wish = {"email": EMAIL, "password": PASSWORD}
    for headers, why in FORGED:
        if why == "cross_site":
            assert code(Browser(ann.service).send("POST", "/v1/sessions", wish, headers))[1] == why
    assert app.database.query("SELECT count(*) FROM api_keys") == [(0,)]
    fine = {"Origin": f"http://127.0.0.1:{ann.service.port}", "Sec-Fetch-Site": "same-origin"}
    assert ann.send("POST", "/v1/keys", {"name": "x"}, fine).status == 201


def test_a_key_wins_over_a_cookie_and_needs_no_token_of_a_page(app: App, ann: Browser) -> None:
    key = app.key("bob@example.org", permissions=["keys:write"])
    headers = {"Authorization": f"Bearer {key}", "X-CSRF-Token": "", "Origin": "https://x.example"}
    assert ann.send("GET", "/v1/me", None, headers).document["user"]["email"] == "bob@example.org"
    assert ann.send("POST", "/v1/keys", {"name": "x"}, headers).status == 201
    for wrong in ("Bearer nobody", ""):
        assert ann.send("GET", "/v1/me", None, {"Authorization": wrong}).status == 401
    assert code(ann.send("POST", "/v1/password", {"current": "x", "new": "y"}, headers)) == (
        403, "session_needed",
    )  # fmt: skip


def test_a_cookie_that_is_none_opens_nothing(ann: Browser) -> None:
    for token in ("", "x", "A" * 43, ann.token[:-1], ann.token + "A", "%00", '"' + "é" * 43 + '"'):
        headers = {"Cookie": f"__Host-dash={token}"}
        assert ann.send("GET", "/v1/me", None, headers).status == 401, token
    headers = {"Cookie": f"dash={ann.token}"}
    assert ann.send("GET", "/v1/me", None, headers).status == 401
    agent = {"User-Agent": "\udcff\x01 x".encode("utf-8", "surrogateescape").decode("latin-1")}
    wish = {"email": EMAIL, "password": PASSWORD}
    assert Browser(ann.service).send("POST", "/v1/sessions", wish, agent).status in (201, 400)
