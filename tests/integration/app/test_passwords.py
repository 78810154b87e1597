"""Guessing is slowed down, for known and unknown users alike; passwords are changed and reset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.app.browser import EMAIL, PASSWORD, Browser, audited, code, sign_up
from tests.integration.service import Answer, App, Serving

NEW = "nine quiet lanterns at sea"
WRONG = "wrong wrong wrong"
OWN = "eve@EXAMPLE.org"
HALF = "half \ud800 and much more"


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(sign_up=True, lockout_account=3, lockout_address=8) as serving:
        yield serving.ready()


@pytest.fixture(name="ann")
def _ann(service: Serving) -> Browser:
    """Return a browser in which ann is signed in."""
    assert sign_up(service).status == 201
    browser = Browser(service)
    assert browser.sign_in().status == 201
    return browser


def said(answer: Answer) -> tuple[int, Any, list[str]]:
    """Return what tells answers apart."""
    error = {k: v for k, v in answer.document["error"].items() if k != "request_id"}
    return answer.status, error, sorted(answer.headers)


def guess(service: Serving, email: str = EMAIL, times: int = 1) -> list[Answer]:
    """Try wrong passwords."""
    return [Browser(service).sign_in(email, f"wrong wrong {n}") for n in range(times)]


def test_behind_an_edge_a_client_is_locked_out_for_itself_alone(app: App) -> None:
    """What the client writes before the edge's word changes nothing."""
    with app.serve(proxies="127.0.0.1", lockout_address=2) as service:
        service.ready()

        def guess_from(address: str, n: int) -> int:
            said = {"X-Forwarded-For": f"192.0.2.{n}, {address}"}
            wish = {"email": f"{n}@example.org", "password": WRONG}
            return Browser(service).send("POST", "/v1/sessions", wish, said).status

        assert [guess_from("198.51.100.7", n) for n in range(3)] == [401, 401, 429]
        assert guess_from("198.51.100.8", 9) == 401


def test_guesses_are_slowed_down_the_same_whether_there_is_such_a_user(
    app: App, service: Serving, ann: Browser
) -> None:
    known, unknown = guess(service, EMAIL, 4), guess(service, "no@example.org", 4)
    assert [answer.status for answer in known] == [401, 401, 401, 429]
    assert [said(answer) for answer in known] == [said(answer) for answer in unknown]
    blocked = Browser(service).sign_in()
    assert code(blocked) == (429, "too_many_attempts")  # the right one does not get in either
    assert int(blocked.headers["Retry-After"]) >= 1
    assert ann.send("GET", "/v1/me").status == 200  # who is in stays in
    assert audited(app).count(("sign_in", "refused")) == 6
    app.database.query("UPDATE sign_in_failures SET blocked_until = now()")
    assert Browser(service).sign_in().status == 201
    app.database.query("DELETE FROM sign_in_failures WHERE kind = 'address'")
    assert guess(service, EMAIL, 3)[-1].status == 401  # all begins anew


def test_waiting_grows_and_lasts_over_a_restart(app: App, service: Serving, ann: Browser) -> None:
    guess(ann.service, EMAIL, 3)
    for _ in range(3):
        app.database.query("UPDATE sign_in_failures SET blocked_until = NULL")
        guess(ann.service)
    ((left,),) = app.database.query(
        "SELECT extract(epoch FROM blocked_until - now())::float8 FROM sign_in_failures "
        "WHERE kind = 'account'"
    )
    assert 30 < left <= 40
    service.stop()
    service.ended()
    with app.serve() as other:
        assert Browser(other.ready()).sign_in().status == 429


def test_guessing_at_many_accounts_from_one_address_is_slowed_down(service: Serving) -> None:
    answers = [guess(service, f"user{n}@example.org")[0].status for n in range(9)]
    assert answers == [401] * 8 + [429]


def test_an_account_of_ones_own_is_no_way_around_the_address(service: Serving) -> None:
    sign_up(service)
    seen = []
    for n in range(9):
        seen.append(guess(service, f"user{n}@example.org")[0].status)
        seen.append(Browser(service).sign_in().status)
    assert 429 in seen


def test_many_guesses_at_the_same_time_are_no_way_around(service: Serving) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: guess(service)[0].status, range(12)))
    assert answers.count(401) == 3
    assert answers.count(429) == 9


def test_a_known_user_takes_as_long_as_an_unknown_one(service: Serving) -> None:
    sign_up(service)

    def quickest(email: str) -> float:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            guess(service, email)
            times.append(time.perf_counter() - started)
        return min(times)

    assert 0.4 < quickest(EMAIL) / quickest("no@example.org") < 2.5


def test_a_changed_password_ends_the_other_sessions(
    app: App, service: Serving, ann: Browser
) -> None:
    other = Browser(service)
    other.sign_in()
    wrong = ann.send("POST", "/v1/password", {"current": "not it, no", "new": NEW})
    assert code(wrong) == (403, "wrong_password")
    weak = ann.send("POST", "/v1/password", {"current": PASSWORD, "new": "password1234"})
    assert code(weak) == (422, "weak_password")
    assert ann.send("POST", "/v1/password", {"current": PASSWORD, "new": NEW}).status == 204
    assert [x.send("GET", "/v1/me").status for x in (ann, other)] == [200, 401]
    assert other.sign_in().status == 401
    assert other.sign_in(password=NEW).status == 201
    assert [x for x in audited(app) if x[0] == "password_change"] == [
        ("password_change", "refused"), ("password_change", "ok"),
    ]  # fmt: skip


def test_a_password_cannot_be_guessed_in_a_stolen_session(ann: Browser) -> None:
    body = {"current": "not it, no", "new": NEW}
    statuses = [ann.send("POST", "/v1/password", body).status for _ in range(4)]
    assert statuses == [403, 403, 403, 429]


def test_a_link_opens_once_ends_all_sessions_and_lifts_the_wait(
    app: App, service: Serving, ann: Browser
) -> None:
    guess(service, EMAIL, 4)
    words = ("user", "password-link", "--email", EMAIL, "--json")
    first, second = (app.run(*words).document["token"] for _ in range(2))
    linked = app.run(*words[:-1], public_url="https://dash.example.org").out
    assert linked.startswith("https://dash.example.org/reset#")
    path, anybody = "/v1/password-resets/confirm", Browser(service)
    weak = anybody.send("POST", path, {"token": first, "password": "123456789012"})
    assert code(weak) == (422, "weak_password")
    assert anybody.send("POST", path, {"token": first, "password": NEW}).status == 204
    for token in (first, second, "A" * 43):  # used up, closed with it, unknown
        again = anybody.send("POST", path, {"token": token, "password": PASSWORD})
        assert code(again) == (403, "bad_token")
    assert ann.send("GET", "/v1/me").status == 401
    assert ann.sign_in(password=NEW).status == 201
    rows = str(app.database.query("SELECT to_jsonb(r)::text FROM password_resets r"))
    assert first not in rows
    assert ("password_reset", "ok") in audited(app)


def test_a_link_that_is_too_old_or_of_who_may_not_come_in_opens_nothing(
    app: App, service: Serving
) -> None:
    sign_up(service)
    words = ("user", "password-link", "--email", EMAIL, "--json")
    body = {"token": app.run(*words).document["token"], "password": NEW}
    for change, back in (
        ("UPDATE password_resets SET expires_at = now()",
         "UPDATE password_resets SET expires_at = now() + interval '1 h'"),
        ("UPDATE users SET is_active = false", "UPDATE users SET is_active = true"),
    ):  # fmt: skip
        app.database.query(change)
        answer = Browser(service).send("POST", "/v1/password-resets/confirm", body)
        assert code(answer) == (403, "bad_token"), change
        app.database.query(back)
    assert Browser(service).send("POST", "/v1/password-resets/confirm", body).status == 204
    done = app.run("user", "password-link", "--email", "no@example.org")
    assert (done.code, done.err) == (1, "there is no user no@example.org who may come in\n")


BAD: tuple[tuple[str, Any], ...] = (
    ("/v1/users", {}),
    ("/v1/users", {"email": "ann", "password": PASSWORD}),
    ("/v1/users", {"email": "a\u0000@example.org", "password": PASSWORD}),
    ("/v1/users", {"email": "a b@example.org", "password": PASSWORD}),
    ("/v1/users", {"email": "a@b" + "c" * 252, "password": PASSWORD}),
    ("/v1/users", {"email": "eve@example.org", "password": "short"}),  # pragma: allowlist secret
    ("/v1/users", {"email": "eve@example.org", "password": "x" * 1025}),
    ("/v1/users", {"email": "eve@example.org", "password": HALF}),
    ("/v1/users", {"email": "eve@example.org", "password": 123456789012}),
    ("/v1/users", {"email": "eve@example.org", "password": PASSWORD, "role": "admin"}),
    ("/v1/users", {"email": "eve@example.org", "password": OWN}),
    ("/v1/sessions", {"email": EMAIL}),
    ("/v1/sessions", {"email": EMAIL, "password": ""}),
    ("/v1/sessions", {"email": [EMAIL], "password": PASSWORD}),
    ("/v1/password-resets", {"email": ""}),
    ("/v1/password-resets/confirm", {"token": "short", "password": PASSWORD}),
    ("/v1/password-resets/confirm", {"token": "A" * 43}),
    ("/v1/password-resets/confirm", {"token": "A" * 43 + "\n", "password": PASSWORD}),
)


def test_what_cannot_be_is_refused_and_changes_nothing(app: App, service: Serving) -> None:
    for path, body in BAD:
        answer = Browser(service).send("POST", path, body)
        assert answer.status == 422, (path, body, answer.body)
    assert app.database.query("SELECT count(*) FROM users") == [(0,)]
    assert not service.events("request.failed")


def test_a_taken_email_is_refused_and_its_password_stays(ann: Browser) -> None:
    assert code(sign_up(ann.service, EMAIL.upper(), NEW)) == (409, "conflict")
    assert Browser(ann.service).sign_in().status == 201
