"""People of a conforming OpenID provider sign in; what it should not have said is refused."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.web import words
from tests.integration.app import openid as op
from tests.integration.app.browser import COOKIE, PASSWORD, Browser, code, refused, sign_up
from tests.integration.app.openid import Provider, openid
from tests.integration.service import Answer, App, Serving

FLOW = "__Host-dash-oidc"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider's library


@pytest.fixture(name="provider")
def _provider() -> Iterator[Provider]:
    with openid() as provider:
        yield provider


def configured(app: App, provider: Provider, **more: object) -> dict[str, Any]:
    """Return the settings of a service with this provider, and give it the secret."""
    credentials = app.directory / "credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "identity_oidc_secret").write_text(op.SECRET)
    return {"identity": provider.toml(**more), "public_url": "https://dash.example.org"}


@pytest.fixture(name="service")
def _service(app: App, provider: Provider) -> Iterator[Serving]:
    with app.serve(sign_up=True, **configured(app, provider)) as serving:
        yield serving.ready()


class Person:
    """A browser that goes to the provider and back."""

    def __init__(self, service: Serving) -> None:
        self.service, self.cookie = service, ""

    def begin(self) -> dict[str, str]:
        """Go to the provider; return the parameters with which it sends one back."""
        answer = self.service.ask("/sign-in/oidc")
        assert answer.status == 303, answer.body
        self.cookie = SimpleCookie(answer.headers["Set-Cookie"])[FLOW].value
        there = urlsplit(answer.headers["Location"])
        connection = HTTPConnection(there.netloc, timeout=5)
        connection.request("GET", f"{there.path}?{there.query}")
        back = connection.getresponse()
        location = back.headers["Location"] or ""
        assert location.startswith(op.CALLBACK), back.read()
        connection.close()
        return dict(parse_qsl(urlsplit(location).query))

    def back(self, said: dict[str, str], cookie: str | None = None) -> Answer:
        """Come back with parameters."""
        headers = {"Cookie": f"{FLOW}={self.cookie if cookie is None else cookie}"}
        return self.service.ask(f"/sign-in/oidc/callback?{urlencode(said)}", headers=headers)

    def sign_in(self) -> Answer:
        """Go there and come back."""
        return self.back(self.begin())


def forged(cookie: str) -> str:
    """Return the cookie with another signature: of its last letter some bits are padding."""
    return f"{cookie[:-2]}{'B' if cookie[-2] == 'A' else 'A'}{cookie[-1]}"


def role(service: Serving, answer: Answer) -> str:
    """Return the role of who signed in."""
    assert answer.status == 303, answer.body
    browser = Browser(service)
    browser.token = SimpleCookie(answer.set_cookies[0])[COOKIE].value
    found: str = browser.send("GET", "/v1/me").document["user"]["role"]
    return found


def why(app: App) -> list[str]:
    """Return what was noted of refused sign-ins."""
    rows = app.database.query(
        "SELECT detail->>'why' FROM audit_log WHERE action = 'sign_in' AND outcome = 'refused' "
        "ORDER BY id"
    )
    return [text for (text,) in rows]


def test_a_person_comes_back_signed_in_with_the_role_of_their_group(
    app: App, service: Serving, provider: Provider
) -> None:
    answer = Person(service).sign_in()
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert role(service, answer) == "operator"
    assert app.database.query("SELECT email, password_hash FROM users") == [
        ("ann@example.org", None)
    ]
    provider.claims["groups"] = ["root", "ops"]
    assert role(service, Person(service).sign_in()) == "admin"
    provider.claims["groups"] = []
    assert role(service, Person(service).sign_in()) == "user"
    assert app.database.query("SELECT count(*) FROM users") == [(1,)]
    noted = app.database.query("SELECT action, detail->>'provider' FROM audit_log ORDER BY id")
    assert noted[:2] == [("user_make", "oidc"), ("sign_in", "oidc")]
    assert not [x for x in service.lines if op.SECRET in x]


def test_the_way_there_is_bound_to_the_browser(service: Serving) -> None:
    answer = service.ask("/sign-in/oidc")
    asked = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert (asked["redirect_uri"], asked["client_id"]) == (op.CALLBACK, op.CLIENT)
    flags = SimpleCookie(answer.headers["Set-Cookie"])[FLOW]
    assert (flags["samesite"], flags["secure"], flags["httponly"]) == ("Lax", True, True)
    assert (flags["path"], flags["domain"], flags["max-age"]) == ("/", "", "600")
    assert not {asked["state"], asked["nonce"]} & set(flags.value.split("."))


def test_an_answer_counts_once_in_the_browser_that_asked(
    app: App, service: Serving, provider: Provider
) -> None:
    ann, eve = Person(service), Person(service)
    said = ann.begin()
    eve.begin()
    assert refused(eve.back(said)) == "bad_flow"  # eve's cookie, ann's state: login CSRF
    assert refused(ann.back(said, cookie="")) == "bad_flow"
    assert refused(ann.back({**said, "state": "x"})) == "bad_flow"
    assert refused(ann.back(said, cookie=forged(ann.cookie))) == "bad_flow"
    assert ann.back(said).status == 303
    with app.serve(**configured(app, provider)) as other:  # replayed state, in another process
        ann.service = other.ready()
        assert refused(ann.back(said)) == "bad_flow"
    ann.service = service
    again = ann.begin()
    assert refused(ann.back({**again, "code": said["code"]})) == "bad_answer"  # replayed code
    assert set(why(app)) == {"bad_flow", "bad_answer code"}


def test_an_unverified_email_makes_nobody_and_a_taken_one_takes_nothing_over(
    app: App, service: Serving, provider: Provider
) -> None:
    provider.claims["email_verified"] = False
    assert refused(Person(service).sign_in()) == "email_unverified"
    provider.claims["email_verified"] = "true"
    assert refused(Person(service).sign_in()) == "email_unverified"
    provider.claims.update({"email_verified": True, "email": "no email"})
    assert refused(Person(service).sign_in()) == "no_email"
    provider.claims["email"] = "ann@example.org"
    assert sign_up(service, "ann@example.org", PASSWORD).status == 201
    assert refused(Person(service).sign_in()) == "email_taken"
    assert why(app) == ["email_unverified", "email_unverified", "no_email", "email_taken"]


def test_who_says_no_there_is_not_signed_in_here(app: App, service: Serving) -> None:
    person = Person(service)
    said = person.begin()
    answer = person.back({"state": said["state"], "error": "access_denied"})
    assert (refused(answer), why(app)) == ("denied", ["denied"])


def test_an_answer_of_another_issuer_is_refused(app: App, service: Serving) -> None:
    person = Person(service)
    said = person.begin()
    assert refused(person.back({**said, "iss": "https://evil.example"})) == "bad_answer"
    assert why(app) == ["bad_answer issuer"]


def test_a_provider_that_is_away_or_says_too_much_is_named_in_the_log(
    app: App, provider: Provider
) -> None:
    with app.serve(**configured(app, provider)) as service:
        person = Person(service.ready())
        said = person.begin()
        provider.padding = 300_000
        assert refused(person.back(said)) == "unavailable"
        assert "more than 262144 bytes" in service.events("identity.oidc_failed")[0]["why"]
    with app.serve(**configured(app, provider, issuer="http://127.0.0.1:1")) as service:
        assert refused(service.ready().ask("/sign-in/oidc")) == "unavailable"
    with app.serve(**configured(app, provider, issuer=provider.issuer + "/")) as service:
        assert refused(service.ready().ask("/sign-in/oidc")) == "unavailable"
        assert "another issuer" in service.events("identity.oidc_failed")[0]["why"]


def test_a_service_without_a_provider_has_no_such_way(app: App) -> None:
    with app.serve() as service:
        for path in ("/sign-in/oidc", "/sign-in/oidc/callback?code=x&state=y"):
            assert code(service.ready().ask(path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"issuer": "http://op.example.org"}, "oidc.issuer: write https://"),
        ({"algorithms": ["HS256"]}, "oidc.algorithms.0: input should be"),
        ({"algorithms": ["none"]}, "oidc.algorithms.0: input should be"),
    ],
)
def test_what_cannot_be_configured_is_said_in_one_line(
    app: App, provider: Provider, more: dict[str, object], line: str
) -> None:
    done = app.run_as_is("serve", environment=app.environment(**configured(app, provider, **more)))
    assert done.code != 0
    assert line in done.err


def test_a_service_that_does_not_know_its_address_does_not_start(
    app: App, provider: Provider
) -> None:
    settings = configured(app, provider) | {"public_url": ""}
    done = app.run_as_is("serve", environment=app.environment(**settings))
    assert "DASH_APP_PUBLIC_URL is missing" in done.err


def test_the_page_offers_the_provider_and_says_why_it_opened_nothing(service: Serving) -> None:
    page = service.ask("/sign-in").body.decode()
    refusal = service.ask(Person(service).back({"state": "x"}).headers["Location"]).body.decode()
    other = service.ask("/sign-in?error=<b>x</b>").body.decode()

    assert '<a class="button" href="/sign-in/oidc">OpenID Connect</a>' in page
    assert 'role="alert"' not in page
    assert words.REFUSED["bad_flow"] in refusal
    assert 'role="alert"' not in other
