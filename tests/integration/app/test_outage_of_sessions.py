"""PostgreSQL goes away: sessions wait for it, known keys read on, and all is well afterwards."""

from __future__ import annotations

import time

from tests.integration.app.browser import EMAIL, PASSWORD, Browser, code, sign_up
from tests.integration.link import Link
from tests.integration.service import App, until

WISH = {"email": EMAIL, "password": PASSWORD}
TOKEN = {"token": "A" * 43, "password": PASSWORD}


def test_sessions_say_when_to_come_back_and_known_keys_read_on(app: App, link: Link) -> None:
    with app.serve(sign_up=True, key_cache_outage_seconds=25) as service:
        sign_up(service.ready())
        ann = Browser(service)
        assert ann.sign_in().status == 201
        key = app.key(EMAIL)
        assert service.ask("/v1/me", key=key).status == 200
        pid = service.process.pid
        link.cut()
        cut = time.monotonic()
        for method, path, body in (
            ("GET", "/v1/me", None),
            ("GET", "/v1/sessions", None),
            ("POST", "/v1/keys", {"name": "x"}),
            ("DELETE", "/v1/sessions/current", None),
            ("POST", "/v1/password", {"current": PASSWORD, "new": PASSWORD}),
            ("POST", "/v1/sessions", WISH),
            ("POST", "/v1/users", {**WISH, "email": "bob@example.org"}),
            ("POST", "/v1/password-resets", {"email": EMAIL}),
            ("POST", "/v1/password-resets/confirm", TOKEN),
        ):
            answer = ann.send(method, path, body)
            assert code(answer) == (503, "unavailable"), (method, path, answer)
            assert int(answer.headers["Retry-After"]) >= 1
            assert "Set-Cookie" not in answer.headers  # nobody is signed out by an outage
        assert time.monotonic() - cut < 20, "too slow a machine to tell"
        assert service.ask("/v1/me", key=key).status == 200
        assert service.ask("/v1/keys", key=key).status in (403, 503)  # not what needs the database
        until(lambda: service.ask("/v1/me", key=key).status == 503, 40)  # but not for ever
        link.mend()
        until(lambda: ann.send("GET", "/v1/me").status == 200, 15, service)
        until(lambda: service.ask("/v1/me", key=key).status == 200, 15, service)
        assert Browser(service).sign_in().status == 201
        assert service.process.pid == pid
        assert service.process.poll() is None
        assert not service.events("request.failed")
