"""The pages over HTTP: who sees what, what they lead to, and what they say of faults."""

from __future__ import annotations

import re

import pytest

from app import routes
from tests.integration.app.browser import EMAIL, PASSWORD, audited, sign_up
from tests.integration.app.smtp import Post
from tests.integration.app.visitor import Visitor
from tests.integration.service import App, Serving, until

OWN = ("/", "/keys", "/sessions", "/password", "/audit")


@pytest.fixture(name="ann")
def _ann(service: Serving) -> Visitor:
    """Return ann, who is signed in."""
    assert sign_up(service).status == 201
    visitor = Visitor(service)
    assert visitor.sign_in().status == 200
    assert visitor.title == "Overview"
    return visitor


def test_who_is_not_signed_in_is_led_to_sign_in_and_back(service: Serving) -> None:
    sign_up(service)
    visitor = Visitor(service)
    for path in OWN:
        answer = visitor.send("GET", path)
        wanted = "/sign-in" if path == "/" else f"/sign-in?next={path}"
        assert (answer.status, answer.headers["Location"]) == (303, wanted)
    visitor.go("/sessions")
    assert visitor.title == "Sign in"
    visitor.post("/sign-in", email=EMAIL, password=PASSWORD, next="/sessions")
    assert visitor.title == "Sessions"
    assert visitor.send("GET", "/sign-in?next=/keys").headers["Location"] == "/keys"


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "x"])
def test_signing_in_leads_nowhere_else(service: Serving, to: str) -> None:
    sign_up(service)
    visitor = Visitor(service)
    visitor.go("/sign-in")
    fields = {"csrf_token": visitor.token, "email": EMAIL, "password": PASSWORD, "next": to}
    answer = visitor.send("POST", "/sign-in", fields)
    assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_a_session_that_is_over_is_said_once_and_its_cookie_taken(ann: Visitor, app: App) -> None:
    app.database.query("DELETE FROM sessions")
    ann.go("/keys")
    assert (ann.title, "Your session is over" in ann.page) == ("Sign in", True)
    assert "__Host-dash" not in ann.cookies


def test_every_page_is_kept_by_nobody_and_loads_nothing_foreign(ann: Visitor, app: App) -> None:
    app.database.query("UPDATE users SET role = 'admin'")
    for path in (*OWN, "/sign-in", "/reset", "/nothing"):
        answer = ann.send("GET", path)
        if answer.status == 303:
            continue
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "form-action 'self'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert not re.findall(r'(?:src|href|action)="(?!/|#)', ann.page)
        for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', ann.page):
            loaded = ann.send("GET", asset)
            assert (loaded.status, "immutable" in loaded.headers["Cache-Control"]) == (200, True)
    assert ann.send("GET", "/assets/page.js?v=other").headers["Cache-Control"] == "no-store"
    assert ann.send("GET", "/assets/none.js").status == 404


def test_keys_are_made_rotated_and_revoked_without_a_script(
    ann: Visitor, service: Serving, app: App
) -> None:
    ann.go("/keys")
    made = ann.post("/keys", name="a", permissions=["models:read", "keys:read"], expires_in_days="")
    assert made.status == 201
    first = re.findall(r'id="key"[^>]* value="(dash_[^"]+)"', ann.page)[0]
    assert service.ask("/v1/models", key=first).status == 200
    own = service.ask("/v1/me", key=first).document["key"]
    assert (own["name"], own["expires_at"]) == ("a", None)
    ann.go(f"/keys/{own['id']}")
    ann.post(f"/keys/{own['id']}/rotate", overlap_seconds="0")
    second = re.findall(r'id="key"[^>]* value="(dash_[^"]+)"', ann.page)[0]
    assert service.ask("/v1/me", key=second).status == 200
    until(lambda: service.ask("/v1/me", key=first).status == 401)  # the other process hears of it
    ann.go("/keys")
    assert first not in ann.page
    public = second.split("_")[1]
    ann.go(f"/keys/{public}")
    ann.post(f"/keys/{public}/revoke")
    assert "The key is revoked" in ann.page
    assert service.ask("/v1/me", key=second).status == 401
    deeds = [action for action, _ in audited(app)]
    assert deeds[-3:] == ["key_make", "key_rotate", "key_revoke"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "Name is missing."),
        ({"name": "\u202ename"}, "Name is not written as it has to be."),
        ({"name": "a", "expires_in_days": "0"}, "Expires in days is none of what can be chosen."),
        ({"name": "a", "permissions": "users:write"}, "This needs the permission users:write."),
        ({"name": "a", "permissions": "nothing"}, "Permissions is none of what can be chosen."),
        ({"name": "a", "rate_limit": "9"}, "The form has a field that is not asked for."),
    ],
)
def test_a_key_that_cannot_be_is_said_with_what_was_typed(
    ann: Visitor, fields: dict[str, str], said: str
) -> None:
    ann.go("/keys")
    answer = ann.post("/keys", **fields)
    assert (answer.status in (403, 422), ann.fault) == (True, said)
    assert f'value="{fields["name"]}"' in ann.page


def test_people_see_only_their_own(ann: Visitor, service: Serving) -> None:
    sign_up(service, "bob@example.org")
    bob = Visitor(service)
    bob.sign_in("bob@example.org")
    ann.go("/keys")
    ann.post("/keys", name="of ann")
    ann.go("/keys")
    one = re.findall(r'href="(/keys/\w{12})"', ann.page)[0]
    assert bob.go(one).status == 404
    assert bob.title == "There is nothing here"
    bob.go("/keys")
    assert bob.post(f"{one}/revoke").status == 404
    assert "of ann" in ann.send("GET", "/keys").body.decode()


def test_who_may_not_is_not_offered_it(ann: Visitor, app: App) -> None:
    ann.go("/")
    assert 'href="/audit"' not in ann.page
    assert ann.go("/audit").status == 403
    assert ann.title == "This is not allowed"
    app.database.query("UPDATE users SET role = 'viewer'")
    ann.go("/keys")
    assert "Make a key" not in ann.page
    ann.go("/sessions")
    assert ann.post("/keys", name="a").status == 403
    app.database.query("UPDATE users SET role = 'operator'")
    assert ann.go("/audit").status == 200
    assert 'href="/audit"' in ann.page


def test_who_has_no_password_here_is_not_asked_for_it(ann: Visitor, app: App) -> None:
    ann.go("/")
    assert 'href="/password"' in ann.page
    app.database.query("UPDATE users SET password_hash = NULL")
    ann.go("/")
    assert 'href="/password"' not in ann.page
    assert ann.go("/password").status == 403
    assert "you sign in elsewhere" in ann.page


def test_wrong_passwords_say_how_long_to_wait(service: Serving) -> None:
    sign_up(service)
    visitor = Visitor(service)
    assert visitor.sign_in(EMAIL, "a wrong one").status == 401
    assert visitor.fault == "Email or password is wrong."
    assert f'value="{EMAIL}"' in visitor.page
    for _ in range(2):
        answer = visitor.post("/sign-in", email=EMAIL, password=PASSWORD[1:])
    assert answer.status == 429
    seconds = int(answer.headers["Retry-After"])
    assert re.fullmatch(r"Too many attempts: wait\. Try again in \d+ seconds?\.", visitor.fault)
    assert f"in {seconds} second" in visitor.fault


def test_pages_are_slowed_down_in_words(app: App) -> None:
    with app.serve(address_rate=2) as service:
        visitor = Visitor(service.ready())
        while (answer := visitor.go("/sign-in")).status == 200:
            pass
        assert (answer.status, visitor.title) == (429, "Please wait")
        assert re.search(r"Try again in \d+ seconds?\.", visitor.page)


def test_faults_are_pages_for_people_and_documents_for_programs(service: Serving) -> None:
    visitor = Visitor(service)
    assert (visitor.go("/nothing").status, visitor.title) == (404, "There is nothing here")
    assert visitor.send("POST", "/keys/x").status == 404
    for path in ("/nothing", "/audit"):
        answer = service.ask(path)
        assert answer.document["error"]["code"] in ("not_found", "unauthorized")
    answer = visitor.send("GET", "/v1/nothing")
    assert answer.document["error"]["code"] == "not_found"
    assert visitor.send("GET", "/v1/keys").document["error"]["code"] == "unauthorized"


def test_a_key_opens_no_page(service: Serving, app: App) -> None:
    key = app.key(permissions=["keys:read"])
    for route in routes.PUBLIC:
        if route.page and not route.open and "{" not in route.path:
            answer = service.ask(route.path, key=key, method=route.method)
            assert (answer.status, answer.document["error"]["code"]) == (403, "session_needed")


def test_what_is_not_offered_is_not_there(app: App) -> None:
    with app.serve() as service:
        visitor = Visitor(service.ready())
        visitor.go("/sign-in")
        assert "/sign-up" not in visitor.page
        assert "/forgot" not in visitor.page
        assert [visitor.go(path).status for path in ("/sign-up", "/forgot")] == [404, 404]


def test_with_mail_links_are_asked_for_by_mail(app: App) -> None:
    with (
        Post() as post,
        app.serve(sign_up=True, public_url="https://dash.example.org", **post.settings) as service,
    ):
        visitor = Visitor(service.ready())
        visitor.go("/sign-in")
        assert 'href="/forgot"' in visitor.page
        visitor.go("/sign-up")
        assert 'type="password"' not in visitor.page
        visitor.post("/sign-up", email="new@example.org")
        assert visitor.title == "Look into your mail"
        until(lambda: len(post.mails) == 1)
        visitor.go("/forgot")
        visitor.post("/forgot", email="new@example.org")
        assert visitor.title == "Look into your mail"
        until(lambda: len(post.mails) == 2)
        assert "https://dash.example.org/reset#" in post.mails[1].get_content()
        visitor.go("/forgot")
        visitor.post("/forgot", email="nobody@example.org")
        assert visitor.title == "Look into your mail"
