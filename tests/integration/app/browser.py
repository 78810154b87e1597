"""A browser for the tests: keeps the cookie and sends the token of its pages."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie
from typing import Any

from tests.integration.service import Answer, App, Serving

COOKIE = "__Host-dash"
EMAIL = "ann@example.org"
PASSWORD = "a heron under seven bridges"  # pragma: allowlist secret


class Browser:
    """Talks to one instance at a time; `service` may be another later."""

    def __init__(self, service: Serving) -> None:
        self.service, self.token, self.csrf, self.id = service, "", "", ""

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request as a page of ours does; `headers` win."""
        said: dict[str, str] = {}
        if self.token:
            said["Cookie"] = f"other=1; {COOKIE}={self.token}"
        if self.csrf:
            said["X-CSRF-Token"] = self.csrf
        data = None
        if body is not None:
            data, said["Content-Type"] = json.dumps(body).encode(), "application/json"
        said |= headers or {}
        return self.service.ask(path, method=method, body=data, headers=said)

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> Answer:
        """Sign in and keep what was given."""
        answer = self.send("POST", "/v1/sessions", {"email": email, "password": password})
        if answer.status == 201:
            self.token = cookie(answer).value
            self.csrf = answer.document["session"]["csrf_token"]
            self.id = answer.document["session"]["id"]
        return answer


def cookie(answer: Answer) -> Any:
    """Return the cookie that an answer sets."""
    found: SimpleCookie = SimpleCookie(answer.headers["Set-Cookie"])
    return found[COOKIE]


def code(answer: Answer) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status, answer.document["error"]["code"]


def refused(answer: Answer) -> str:
    """Return the code with which a way back from an identity provider leads to the page."""
    path, _, said = answer.headers["Location"].partition("?error=")
    assert (answer.status, path) == (303, "/sign-in"), answer.headers
    return said


def sign_up(service: Serving, email: str = EMAIL, password: str = PASSWORD) -> Answer:
    """Make a user."""
    body = {"email": email, "password": password}
    return Browser(service).send("POST", "/v1/users", body)


def audited(app: App) -> list[tuple[str, str]]:
    """Return action and outcome of what was noted, oldest first."""
    return app.database.query("SELECT action, outcome FROM audit_log ORDER BY id")
