"""/openapi.json is true of what browsers do: answers are held against it, and it is fuzzed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.access import tokens
from tests.integration.app.browser import COOKIE, EMAIL, PASSWORD, Browser, sign_up
from tests.integration.app.test_openapi import all_of, api
from tests.integration.service import PEPPER, Answer, App, Serving

NEW = "nine quiet lanterns at sea"
HASHED = {"sign_up", "sign_in", "change_password"}  # each of their requests costs a bcrypt
FREE = {"sign_up": True, "lockout_account": 10**6, "lockout_address": 10**6}


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(**FREE) as serving:
        yield serving.ready()


@pytest.fixture(name="ann")
def _ann(app: App, service: Serving) -> Browser:
    """Return a browser in which ann is signed in, who may read the audit log."""
    assert sign_up(service).status == 201
    app.database.query("UPDATE users SET role = 'admin'")
    browser = Browser(service)
    assert browser.sign_in().status == 201
    return browser


class Asked:
    """A request as openapi-core reads it."""

    def __init__(self, browser: Browser, method: str, path: str, body: Any) -> None:
        self.host_url, self.path, self.method = "http://127.0.0.1", path, method.lower()
        self.content_type = "application/json" if body is not None else ""
        self.body = json.dumps(body).encode() if body is not None else None
        self.parameters = RequestParameters(cookie={COOKIE: browser.token})


class Answered:
    """An answer as openapi-core reads it."""

    def __init__(self, answer: Answer) -> None:
        self.data, self.status_code = answer.body, answer.status
        self.content_type = answer.headers.get("Content-Type", "").partition(";")[0]
        self.headers = dict(answer.headers)


class Hold:
    """Asks as `by` and holds each answer against the description."""

    def __init__(self, api: OpenAPI, by: Browser) -> None:
        self._api, self.by = api, by

    def __call__(
        self, method: str, path: str, status: int, body: Any = None, **headers: str
    ) -> None:
        """Ask, and fail when the answer is another one or of another form."""
        answer = self.by.send(method, path, body, headers)
        assert answer.status == status, (method, path, answer.body)
        asked = Asked(self.by, method, path.partition("?")[0], body)
        self._api.validate_response(asked, Answered(answer))


@pytest.fixture(name="hold")
def _hold(service: Serving, ann: Browser) -> Hold:
    """Return what asks, as ann unless said, and holds the answer against the description."""
    return Hold(OpenAPI.from_dict(service.ask("/openapi.json").document), ann)


def test_live_answers_to_who_is_signed_in_are_what_the_description_says(
    service: Serving, ann: Browser, hold: Hold
) -> None:
    for path in ("/v1/me", "/v1/keys", "/v1/sessions", "/v1/sessions?limit=1", "/v1/audit?limit=2"):
        hold("GET", path, 200)
    for path in ("/v1/sessions?limit=0", "/v1/audit?before=x", "/v1/keys?after=x"):
        hold("GET", path, 422)
    hold("POST", "/v1/keys", 201, {"name": "x"})
    hold("POST", "/v1/keys", 403, {"name": "x"}, **{"X-CSRF-Token": "wrong"})
    hold("POST", "/v1/keys", 403, {"name": "x"}, Origin="https://evil.example")
    hold("POST", "/v1/password", 204, {"current": PASSWORD, "new": NEW})
    hold("POST", "/v1/password", 403, {"current": PASSWORD, "new": NEW})
    hold("POST", "/v1/password", 422, {"current": NEW, "new": "short"})
    hold("DELETE", "/v1/sessions/00000000-0000-0000-0000-000000000000", 404)
    hold("DELETE", f"/v1/sessions/{ann.id}", 204)
    hold("GET", "/v1/me", 401)
    for path in ("/v1/sessions/current", "/v1/sessions"):
        ann.sign_in(password=NEW)
        hold("DELETE", path, 204)
    sign_up(service, "bob@example.org")
    hold.by.sign_in("bob@example.org")
    hold("GET", "/v1/audit", 403)


def test_live_answers_to_strangers_are_what_the_description_says(
    app: App, service: Serving, hold: Hold
) -> None:
    hold.by = Browser(service)
    new = {"email": "bob@example.org", "password": PASSWORD}
    hold("POST", "/v1/users", 201, new)
    hold("POST", "/v1/users", 409, new)
    hold("POST", "/v1/users", 422, {**new, "password": "short"})  # pragma: allowlist secret
    hold("POST", "/v1/sessions", 201, new)
    hold("POST", "/v1/sessions", 401, {**new, "password": "wrong"})  # pragma: allowlist secret
    hold("POST", "/v1/sessions", 415)
    hold("GET", "/v1/sessions", 401)
    hold("POST", "/v1/password-resets", 202, {"email": EMAIL})
    hold("POST", "/v1/sign-ups", 403, {"email": EMAIL})
    link = app.run("user", "password-link", "--email", EMAIL, "--json").document["token"]
    hold("POST", "/v1/password-resets/confirm", 204, {"token": link, "password": NEW})
    hold("POST", "/v1/password-resets/confirm", 403, {"token": link, "password": NEW})
    for path in (
        "/sign-in/oidc",
        "/sign-in/oidc/callback",
        "/sign-in/saml",
        "/sign-in/saml/metadata",
    ):
        hold("GET", path, 404)  # none is configured
    hold("POST", "/sign-in/saml/acs", 404)
    for path in ("/docs", "/docs/style.css"):
        hold("GET", path, 200)


def put_back(app: App, browser: Browser) -> None:
    """Sign ann in again without a password: some requests end her session."""
    browser.token = tokens.new_token()
    app.database.query("DELETE FROM sessions")
    app.database.query("DELETE FROM api_keys")
    forget = "UPDATE users SET password_hash = 'none' WHERE email = %s"  # pragma: allowlist secret
    app.database.query(forget, EMAIL)
    ((made,),) = app.database.query(
        "INSERT INTO sessions (user_id, token_hash, expires_at, address, agent) "
        "SELECT id, %s, now() + interval '1 h', '', '' FROM users WHERE email = %s RETURNING id",
        tokens.at_rest(browser.token), EMAIL,
    )  # fmt: skip
    browser.id = str(made)
    browser.csrf = hmac.new(PEPPER.encode(), f"csrf:{made}".encode(), hashlib.sha256).hexdigest()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("examples", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_no_request_of_a_session_makes_the_service_break_its_description(
    app: App, service: Serving, ann: Browser, examples: int
) -> None:
    """Schemathesis makes requests, right and wrong, with cookie and token, and all its checks."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/openapi.json")
    operations: list[Any] = [result.ok() for result in all_of(schema)]
    assert len(operations) == len(api()) - 1  # the description itself is not asked for
    seen: dict[str, set[int]] = {}
    for operation in operations:
        wrong = operation.body or operation.path_parameters or operation.query
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            if mode is schemathesis.GenerationMode.POSITIVE or wrong:
                put_back(app, ann)
                name = operation.definition.raw["operationId"]
                seen.setdefault(name, set()).update(fuzz(operation, name, mode, ann, examples))
    assert not [(n, s) for n, found in seen.items() for s in found if s >= 500]
    assert not service.events("request.failed")
    for name, status in (
        ("me", 200), ("create_key", 201), ("list_keys", 200), ("list_sessions", 200),
        ("list_audit", 200), ("sign_out", 204), ("end_sessions", 204), ("sign_in", 401),
        ("change_password", 422), ("ask_reset", 202), ("confirm_reset", 403), ("echo", 200),
    ):  # fmt: skip
        assert status in seen[name], (name, seen[name])


def fuzz(operation: Any, name: str, mode: Any, browser: Browser, examples: int) -> set[int]:
    """Send requests of one operation, check each answer, and return their statuses."""
    headers = {"Cookie": f"{COOKIE}={browser.token}", "X-CSRF-Token": browser.csrf}
    found: set[int] = set()
    # Whether a password is weak, and waiting after many tries, is in no schema.
    but = [positive_data_acceptance] if name in HASHED or "reset" in name else []

    @settings(
        max_examples=examples // 2 if name in HASHED else examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        response = case.call(headers=headers)
        found.add(response.status_code)
        case.validate_response(response, headers=headers, excluded_checks=but)

    run()
    return found
