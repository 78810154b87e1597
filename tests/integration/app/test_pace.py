"""Who comes without a key is limited too: sessions by their user, strangers by their address."""

from __future__ import annotations

from tests.integration.app.browser import EMAIL, PASSWORD, Browser, code, sign_up
from tests.integration.service import App

WISH = {"email": EMAIL, "password": PASSWORD}


def test_a_users_sessions_together_get_so_many_requests(app: App) -> None:
    with app.serve(sign_up=True, session_rate=4) as service:
        sign_up(service.ready())
        sign_up(service, "bob@example.org")
        one, two, bob = Browser(service), Browser(service), Browser(service)
        assert one.sign_in().status == two.sign_in().status == 201
        assert bob.sign_in("bob@example.org").status == 201
        first = one.send("GET", "/v1/me")
        assert first.headers["RateLimit-Policy"] == '"minute";q=4;w=60'
        assert first.headers["RateLimit"].startswith('"minute";r=3;')
        seen = [each.send("GET", "/v1/keys").status for each in (two, one, two)]
        assert seen == [200, 200, 200]
        refused = one.send("GET", "/v1/me")
        assert code(refused) == (429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 15
        assert refused.headers["RateLimit"].startswith('"minute";r=0;')
        assert bob.send("GET", "/v1/me").status == 200
        key = app.key(EMAIL)
        assert service.ask("/v1/me", key=key).status == 200  # keys have limits of their own


def test_what_is_open_is_limited_by_address_and_probes_are_not(app: App) -> None:
    with app.serve(address_rate=5, proxies="127.0.0.1/32") as service:
        service.ready()

        def ask(address: str, path: str = "/docs") -> int:
            return service.ask(path, headers={"X-Forwarded-For": address}).status

        assert [ask("192.0.2.1") for _ in range(7)] == [200] * 5 + [429] * 2
        assert ask("192.0.2.2") == 200
        assert [ask(f"2001:db8::{n}") for n in range(6)] == [200] * 5 + [429]  # one network
        said = {"X-Forwarded-For": "192.0.2.1", "Content-Type": "application/json"}
        answer = service.ask("/v1/sessions", method="POST", body=b"{}", headers=said)
        assert code(answer) == (429, "rate_limited")
        assert int(answer.headers["Retry-After"]) >= 1
        assert {ask("192.0.2.1", "/healthz") for _ in range(20)} == {200}
        assert {ask("192.0.2.1", "/readyz") for _ in range(20)} == {200}
