"""What people send to break in does nothing: it is refused, or it is text like any other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.app.browser import EMAIL, PASSWORD, Browser, code, sign_up
from tests.integration.app.raw import send
from tests.integration.service import App, Serving

PERMISSIONS = ("keys:read", "keys:write", "chat:write")
XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)//</title><svg/onload=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>",
)  # fmt: skip
SQL = (
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    "x' UNION SELECT password_hash FROM users --",
    "1; SELECT pg_sleep(5)",
    "'||(SELECT pg_sleep(5))||'",
    "\\'; DELETE FROM audit_log; --",
    "%s %(user)s {} $1",
)
JSON = "Content-Type: application/json"


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(sign_up=True, lockout_account=1000, lockout_address=1000) as serving:
        yield serving.ready()


@pytest.fixture(name="ann")
def _ann(service: Serving) -> Browser:
    """Return a browser in which ann is signed in."""
    assert sign_up(service).status == 201
    browser = Browser(service)
    assert browser.sign_in().status == 201
    return browser


def whole(service: Serving) -> None:
    """See that nothing went wrong inside and that every line of the log is one document."""
    assert not service.events("request.failed")
    for line in service.lines:
        assert isinstance(json.loads(line), dict)


def test_markup_in_names_is_text_in_json_that_no_browser_renders(ann: Browser) -> None:
    for name in XSS:
        answer = ann.send("POST", "/v1/keys", {"name": name}, {"User-Agent": name})
        assert (answer.status, answer.document["name"]) == (201, name)
    listed = ann.send("GET", "/v1/keys")
    assert {row["name"] for row in listed.document["keys"]} == set(XSS)
    agent = Browser(ann.service)
    wish = {"email": EMAIL, "password": PASSWORD}
    agent.send("POST", "/v1/sessions", wish, {"User-Agent": XSS[0]})
    sessions = ann.send("GET", "/v1/sessions")
    assert XSS[0] in sessions.body.decode()
    for answer in (listed, sessions):
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    page = ann.send("GET", "/docs").body.decode()
    assert not [name for name in XSS if name in page]
    whole(ann.service)


def fields(payload: str) -> Iterator[tuple[str, str, Any]]:
    """Yield requests with a text in each field and query that takes one."""
    for path, body in (
        ("/v1/users", {"email": EMAIL, "password": PASSWORD}),
        ("/v1/sign-ups", {"email": EMAIL}),
        ("/v1/sessions", {"email": EMAIL, "password": PASSWORD}),
        ("/v1/password-resets", {"email": EMAIL}),
        ("/v1/password-resets/confirm", {"token": "A" * 43, "password": PASSWORD}),
        ("/v1/password", {"current": "not it, no", "new": PASSWORD}),
        ("/v1/keys", {"name": "x"}),
    ):
        for name in body:
            yield "POST", path, {**body, name: payload}
    yield "POST", "/v1/keys", {"name": "x", "permissions": [payload]}
    told = quote(payload, safe="")
    for path in ("/v1/keys", "/v1/sessions", "/v1/audit"):
        for name in ("after", "before", "limit", payload):
            yield "GET", f"{path}?{quote(name, safe='')}={told}", None
    yield "GET", f"/v1/keys/{told}", None
    yield "DELETE", f"/v1/keys/{told}", None
    yield "POST", f"/v1/keys/{told}/rotate", {}
    yield "DELETE", f"/v1/sessions/{told}", None


@pytest.mark.timeout(180)
def test_sql_in_every_field_and_query_changes_and_tells_nothing(app: App, ann: Browser) -> None:
    counted = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM sessions)"
    before = app.database.query(counted)
    slowest = 0.0
    for payload in SQL:
        for method, path, body in fields(payload):
            started = time.perf_counter()
            answer = ann.send(method, path, body)
            slowest = max(slowest, time.perf_counter() - started)
            assert answer.status in (201, 202, 401, 403, 404, 409, 422), (method, path, body)
            assert "syntax" not in answer.body.decode()
            assert "$2b$" not in answer.body.decode()
            if (answer.status, path) == (201, "/v1/keys"):
                assert body["name"] == payload  # text, kept as it is
                ann.send("DELETE", f"/v1/keys/{answer.document['id']}")
    assert slowest < 5
    left = app.database.query("SELECT count(*) FROM api_keys WHERE is_active")
    assert left == [(0,)]
    assert app.database.query(counted) == before
    assert ann.send("GET", "/v1/me").document["user"]["email"] == EMAIL
    assert ann.sign_in().status == 201  # the password is what it was
    whole(ann.service)


def test_lines_that_are_smuggled_into_the_log_stay_in_their_own(ann: Browser) -> None:
    forged = '\n{"event": "forged", "level": "info"}\n'
    told = quote(forged, safe="")
    send(ann.service, f"GET /v1/{told} HTTP/1.1", "User-Agent: x")
    send(ann.service, f"GET /v1/me?{told} HTTP/1.1", f"X-Request-Id: {told}")
    send(ann.service, "GET /healthz HTTP/1.1", "X-Request-Id: 12345678\t{}")
    send(ann.service, "GET /v1/\x85\u2028\u202e HTTP/1.1")
    ann.send("POST", "/v1/keys", {"name": forged})
    ann.send("POST", "/v1/keys", {forged: "x"})
    agent = {"User-Agent": 'x\t{"event": "forged"}'}
    Browser(ann.service).send("POST", "/v1/sessions", {"email": EMAIL, "password": "x"}, agent)
    whole(ann.service)
    assert not ann.service.events("forged")
    assert [e for e in ann.service.events("request.answered") if "forged" in e["path"]]


def test_what_was_refused_is_in_the_log_with_who_asked(app: App, ann: Browser) -> None:
    key = app.key("bob@example.org")
    assert ann.send("GET", "/v1/audit").status == 403
    assert ann.service.ask("/v1/audit", key=key).status == 403
    assert ann.send("POST", "/v1/keys", {"name": "x"}, {"X-CSRF-Token": "x"}).status == 403
    assert ann.send("GET", "/v1/me", None, {"Cookie": "__Host-dash=x"}).status == 401
    lines = ann.service.events("request.answered")[-4:]
    assert [(x["status"], x["route"], x["client"]) for x in lines] == [
        (403, "/v1/audit", "127.0.0.1"), (403, "/v1/audit", "127.0.0.1"),
        (403, "/v1/keys", "127.0.0.1"), (401, "/v1/me", "127.0.0.1"),
    ]  # fmt: skip
    assert (lines[0]["session"], lines[1]["key"]) == (ann.id, key.split("_")[1])
    assert all(x["timestamp"].endswith("Z") and x["request_id"] for x in lines)


INJECTED = (
    "/v1/me%0d%0aSet-Cookie:%20evil=1",
    "/%0d%0a%0d%0a<script>alert(1)</script>",
    "//evil.example/v1/me",
    "/\\evil.example",
    "/..%2f..%2fetc/passwd",
    "/docs/../../etc/passwd",
    "/docs/%2e%2e/%2e%2e/etc/passwd",
    "/assets/%00page.js",
    "/v1/keys/%00",
    "/v1/keys/" + "A" * 5000,
    "/v1/sessions/00000000-0000-0000-0000-00000000000%0a",
    "http://evil.example/",
)


@pytest.mark.parametrize("path", INJECTED)
def test_a_path_that_means_something_else_leads_nowhere(service: Serving, path: str) -> None:
    answer = send(service, f"GET {path} HTTP/1.1")
    assert answer.status in (0, 400, 401, 404), answer
    assert answer.header("Set-Cookie") == answer.header("Location") == []
    assert b"root:" not in answer.body
    assert b"<script>" not in answer.body
    whole(service)


@pytest.mark.parametrize(
    "line",
    ["X-Request-Id: 12345678\r\n Set-Cookie: evil=1", "X-Request-Id: <script>", "Origin: \x00",
     "Cookie: __Host-dash=\x00", "Authorization: Bearer \x00", "Bad Header: x", ": x",
     "Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2",
     "Content-Length: 3\r\nTransfer-Encoding: chunked"],
)  # fmt: skip
def test_a_header_that_is_none_is_refused_or_ignored(service: Serving, line: str) -> None:
    answer = send(service, "GET /v1/me HTTP/1.1", line)
    assert answer.status in (0, 400, 401), answer
    assert answer.header("Set-Cookie") == []
    assert b"<script>" not in answer.body
    assert service.ask("/healthz").status == 200
    whole(service)


def test_what_stands_twice_opens_nothing(app: App, ann: Browser) -> None:
    good, key = f"__Host-dash={ann.token}", app.key("bob@example.org")
    for lines in (
        [f"Cookie: {good}; __Host-dash={'A' * 43}"],
        [f"Cookie: __Host-dash={'A' * 43}; {good}"],
        [f"Cookie: {good}; {good}"],
        [f"Cookie: {good}", f"Cookie: __Host-dash={'A' * 43}"],
        [f"Authorization: Bearer {key}", "Authorization: Bearer x"],
        [f"Authorization: Bearer {key}", f"Authorization: Bearer {key}"],
        [f"Cookie: x{good}"],
        [f"Cookie: __HOST-DASH={ann.token}"],
    ):
        assert send(ann.service, "GET /v1/me HTTP/1.1", *lines).status == 401, lines
    for lines in ([f"Cookie: a=1;{good}; b=2"], ["Cookie: a=1", f"Cookie: {good}"]):
        assert send(ann.service, "GET /v1/me HTTP/1.1", *lines).status == 200, lines


def test_no_token_of_a_page_at_all_changes_nothing(ann: Browser) -> None:
    csrf, ann.csrf = ann.csrf, ""
    assert code(ann.send("POST", "/v1/keys", {"name": "x"})) == (403, "csrf")
    assert code(ann.send("DELETE", "/v1/sessions")) == (403, "csrf")
    other = Browser(ann.service)
    other.sign_in()
    ann.csrf = other.csrf
    assert code(ann.send("POST", "/v1/keys", {"name": "x"})) == (403, "csrf")
    ann.csrf = csrf
    assert ann.send("POST", "/v1/keys", {"name": "x"}).status == 201


def test_a_browser_that_signs_in_again_gives_its_session_up(app: App, ann: Browser) -> None:
    old = ann.token
    assert ann.sign_in().status == 201
    assert ann.token != old
    assert ann.send("GET", "/v1/me").status == 200
    assert ann.send("GET", "/v1/me", None, {"Cookie": f"__Host-dash={old}"}).status == 401
    assert app.database.query("SELECT count(*) FROM sessions") == [(1,)]


BROKEN = (
    b"", b"{", b"[]x", b"\xff{}", '{"email": "a@b"}'.encode("utf-16"), b'{"email": NaN}',
    b'{"email": "a@b", "email": "c@d"}', b"[" * 100_000, b'{"a":' * 50 + b"1" + b"}" * 50,
)  # fmt: skip
ROUTES = (
    "/v1/users",
    "/v1/sign-ups",
    "/v1/sessions",
    "/v1/password-resets",
    "/v1/password-resets/confirm",
)


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_read_in_two_ways_or_too_large_is_refused(
    service: Serving, path: str
) -> None:
    wish = json.dumps({"email": EMAIL, "password": PASSWORD})
    post = f"POST {path} HTTP/1.1"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                 "application/json; charset=utf-16", "application/xml", ""):  # fmt: skip
        answer = send(service, post, f"Content-Type: {kind}", body=wish.encode())
        assert answer.status == 415, kind
    assert send(service, post, body=wish.encode()).status == 415
    for body in BROKEN:
        answer = send(service, post, JSON, body=body)
        assert answer.status == 400, body[:40]
    assert send(service, post, JSON, body=b" " * 1_100_000).status == 413
    chunked = b"".join(b"10000\r\n" + b" " * 65536 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    try:
        data = chunked.decode()
        status = send(service, post, JSON, f"Transfer-Encoding: chunked\r\n\r\n{data}").status
    except ConnectionError:  # it closed while we were still sending
        status = 413
    assert status == 413
    whole(service)


@pytest.mark.parametrize("path", ["/v1/me", "/v1/sessions", "/docs"])
def test_a_method_that_nobody_knows_is_refused_with_those_that_are(
    service: Serving, path: str
) -> None:
    for method in ("OPTIONS", "TRACE", "PUT", "PROPFIND", "get", "CONNECT", "X" * 200):
        answer = send(service, f"{method} {path} HTTP/1.1")
        assert answer.status in (400, 404, 405), method
        assert answer.header("Access-Control-Allow-Origin") == []
        if answer.status == 405:
            assert answer.header("Allow"), method
    head, got = (send(service, f"{method} {path} HTTP/1.1") for method in ("HEAD", "GET"))
    assert (head.status, head.body) == (got.status, b"")
    preflight = send(
        service, f"OPTIONS {path} HTTP/1.1", "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
    )  # fmt: skip
    assert preflight.status == 405
    whole(service)
