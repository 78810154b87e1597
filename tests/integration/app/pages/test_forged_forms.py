"""Every form of every page wants the token of a page of ours, from the same origin."""

from __future__ import annotations

import pytest

from app import routes
from app.routing import Route
from tests.integration.app.browser import EMAIL, PASSWORD, sign_up
from tests.integration.app.visitor import FORM, Visitor
from tests.integration.service import App, Serving

FORMS = [route for route in routes.PUBLIC if route.page and route.method == "POST"]
SIGNED_IN = [route for route in FORMS if not route.open]


@pytest.fixture(name="ann")
def _ann(service: Serving) -> Visitor:
    sign_up(service)
    visitor = Visitor(service)
    visitor.sign_in()
    visitor.go("/keys")
    visitor.post("/keys", name="kept")
    visitor.go("/keys")
    return visitor


def path(route: Route) -> str:
    """Return an address of a route."""
    if "A-Za-z0-9" in route.path:
        return route.path.replace("{id:[A-Za-z0-9]{12}}", "A" * 12)
    before, _, after = route.path.partition("{")
    return (
        f"{before}00000000-0000-0000-0000-000000000000{after.rpartition('}')[2]}"
        if after
        else before
    )


def state(app: App) -> list[tuple[object, ...]]:
    """Return what a forged form could change."""
    return app.database.query(
        "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM users), "
        "(SELECT count(*) FROM api_keys WHERE is_active), "
        "(SELECT string_agg(password_hash, ' ') FROM users)"
    )


def test_there_are_forms_to_try() -> None:
    assert len(SIGNED_IN) >= 7
    assert len(FORMS) > len(SIGNED_IN)


@pytest.mark.parametrize("token", ["", "0" * 64, "\u00e4", "of another session"])
def test_a_form_with_another_token_does_nothing(app: App, ann: Visitor, token: str) -> None:
    other = Visitor(ann.service)
    other.go("/sign-in")
    said = other.token if token.startswith("of") else token
    before = state(app)
    for route in FORMS:
        answer = ann.send("POST", path(route), {"csrf_token": said, "name": "x"})
        assert answer.status == 403, route.path
        assert ann.title == "This is not allowed"
    assert state(app) == before


def test_the_token_counts_in_the_form_alone_and_once(app: App, ann: Visitor) -> None:
    before, token = state(app), ann.token
    for fields, headers in (
        ({"name": "x"}, {"X-CSRF-Token": token}),
        ({"name": "x", "csrf_token": [token, token]}, {}),
        ({"name": "x", "csrf_token": token[:-1]}, {}),
        ({"name": "x", "csrf_token": token.upper()}, {}),
    ):
        assert ann.send("POST", "/keys", fields, headers).status == 403
    assert ann.send("POST", f"/keys?csrf_token={token}", {"name": "x"}).status == 403
    assert state(app) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_the_right_token_from_another_origin_does_nothing(
    app: App, ann: Visitor, headers: dict[str, str]
) -> None:
    before, token = state(app), ann.token
    for route in SIGNED_IN:
        answer = ann.send("POST", path(route), {"csrf_token": token, "name": "x"}, headers)
        assert answer.status == 403, route.path
    stranger = Visitor(ann.service)
    stranger.go("/sign-in")
    fields = {"csrf_token": stranger.token, "email": EMAIL, "password": PASSWORD}
    assert stranger.send("POST", "/sign-in", fields, headers).status == 403
    assert state(app) == before


def test_a_form_to_sign_in_is_bound_to_the_browser_that_got_it(app: App, ann: Visitor) -> None:
    victim, attacker = Visitor(ann.service), Visitor(ann.service)
    attacker.go("/sign-in")
    fields = {"csrf_token": attacker.token, "email": EMAIL, "password": PASSWORD}
    before = state(app)
    assert victim.send("POST", "/sign-in", fields).status == 403
    victim.go("/sign-in")
    assert victim.send("POST", "/sign-in", fields).status == 403
    cookie = {"Cookie": f"__Host-dash-form=a; __Host-dash-form={'b' * 43}"}
    assert victim.send("POST", "/sign-in", fields, cookie).status == 403
    assert state(app) == before
    assert attacker.send("POST", "/sign-in", fields).status == 303


def test_pages_take_forms_alone_and_the_api_takes_none(ann: Visitor) -> None:
    token = ann.token
    json = {"Content-Type": "application/json"}
    for route in FORMS:
        assert ann.send("POST", path(route), {"csrf_token": token}, json).status == 415, route.path
    headers = {"Content-Type": FORM, "X-CSRF-Token": token}
    for one in ("/v1/keys", "/v1/password", "/v1/sessions"):
        assert ann.send("POST", one, {"csrf_token": token, "name": "x"}, headers).status == 415
    without = {"Content-Type": FORM}
    answer = ann.send("POST", "/v1/keys", {"csrf_token": token, "name": "x"}, without)
    assert (answer.status, answer.document["error"]["code"]) == (403, "csrf")
