"""People of a SAML provider sign in on the real service, once for each answer."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.identity import config
from app.identity.saml import SamlProvider
from app.settings import Settings
from tests.integration.app.browser import COOKIE, Browser, code, refused
from tests.integration.app.samlidp import ACS, Idp, encoded, idp
from tests.integration.service import PEPPER, Answer, App, Serving

FLOW = "__Host-dash-saml"
EVIL = {"Origin": "https://idp.example.org", "Sec-Fetch-Site": "cross-site"}
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def configured(app: App, provider: Idp) -> dict[str, Any]:
    """Return the settings of a service with this provider, and give it the metadata."""
    credentials = app.directory / "credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "identity_saml_metadata").write_text(provider.metadata)
    return {"identity": provider.toml(), "public_url": "https://dash.example.org"}


@pytest.fixture(name="provider")
def _provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Idp:
    """Return a provider that has the metadata which the service publishes."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    first = idp(tmp_path / "first")
    (tmp_path / "identity_saml_metadata").write_text(first.metadata)
    settings = Settings(identity=first.toml(), public_url="https://dash.example.org")
    found = config.load(settings).saml
    assert found is not None
    return idp(tmp_path / "idp", SamlProvider(found, settings).metadata())


@pytest.fixture(name="service")
def _service(app: App, provider: Idp) -> Iterator[Serving]:
    with app.serve(**configured(app, provider)) as serving:
        yield serving.ready()


class Person:
    """A browser that goes to the provider and comes back with a form."""

    def __init__(self, service: Serving, provider: Idp) -> None:
        self.service, self.provider, self.cookie = service, provider, ""

    def begin(self, **more: object) -> dict[str, str]:
        """Go there; return the form that comes back."""
        answer = self.service.ask("/sign-in/saml")
        flags = SimpleCookie(answer.headers["Set-Cookie"])[FLOW]
        assert (flags["samesite"], flags["secure"], flags["httponly"]) == ("None", True, True)
        self.cookie = flags.value
        location = answer.headers["Location"]
        state = parse_qs(urlsplit(location).query)["RelayState"][0]
        xml = self.provider.answer(self.provider.read(location), **more)
        return {"SAMLResponse": encoded(xml), "RelayState": state}

    def back(self, form: dict[str, str], cookie: str | None = None) -> Answer:
        """Send the form as a page of the provider makes a browser send it."""
        headers = {
            "Cookie": f"{FLOW}={self.cookie if cookie is None else cookie}",
            "Content-Type": "application/x-www-form-urlencoded",
            **EVIL,
        }
        body = urlencode(form).encode()
        return self.service.ask("/sign-in/saml/acs", method="POST", body=body, headers=headers)


def why(app: App) -> list[str]:
    """Return what was noted of refused sign-ins."""
    rows = app.database.query(
        "SELECT detail->>'why' FROM audit_log WHERE outcome = 'refused' ORDER BY id"
    )
    return [text for (text,) in rows]


def test_a_person_comes_back_signed_in_with_the_role_of_their_group(
    app: App, service: Serving, provider: Idp
) -> None:
    person = Person(service, provider)
    answer = person.back(person.begin())
    assert (answer.status, answer.headers["Location"]) == (303, "/"), answer.body
    browser = Browser(service)
    browser.token = SimpleCookie(answer.set_cookies[0])[COOKIE].value
    user = browser.send("GET", "/v1/me").document["user"]
    assert (user["email"], user["role"]) == ("ann@example.org", "operator")
    identity = {"mail": ["ann@example.org"], "groups": ["root"]}
    assert person.back(person.begin(identity=identity)).status == 303
    assert app.database.query("SELECT role, password_hash FROM users") == [("admin", None)]
    noted = app.database.query("SELECT action, detail->>'provider' FROM audit_log ORDER BY id")
    assert noted[:2] == [("user_make", "saml"), ("sign_in", "saml")]
    metadata = service.ask("/sign-in/saml/metadata")
    assert (metadata.status, ACS in metadata.body.decode()) == (200, True)


def test_an_answer_counts_once_in_the_browser_that_asked(
    app: App, service: Serving, provider: Idp
) -> None:
    person = Person(service, provider)
    form = person.begin()
    assert refused(person.back(form, cookie="")) == "bad_flow"  # another browser: login CSRF
    assert refused(person.back({**form, "RelayState": "x"})) == "bad_flow"
    assert person.back(form).status == 303
    with app.serve(**configured(app, provider)) as other:
        person.service = other.ready()
        assert refused(person.back(form)) == "bad_flow"
        # Even if the flow were not used up: the assertion itself is, in every process.
        seed = person.cookie.rpartition(".")[0]
        app.database.query(
            "DELETE FROM identity_used WHERE digest = sha256(%s::bytea)", f"saml {seed}".encode()
        )
        assert refused(person.back(form)) == "bad_answer"
    assert why(app)[-1] == "bad_answer replayed"


def test_an_answer_that_proves_nothing_is_noted(app: App, service: Serving, provider: Idp) -> None:
    person = Person(service, provider)
    assert refused(person.back(person.begin(sign_assertion=False))) == "bad_answer"
    form = person.begin()
    del form["SAMLResponse"]
    assert refused(person.back(form)) == "bad_answer"
    answer = service.ask("/sign-in/saml/acs", method="POST", body=b"{}", headers=EVIL)
    assert refused(answer) == "bad_flow"
    assert why(app) == ["bad_answer unsigned", "bad_answer ParseError", "bad_flow"]
    assert PEPPER not in "\n".join(service.lines)


def test_a_service_without_a_provider_has_no_such_way(app: App) -> None:
    with app.serve() as service:
        service.ready()
        assert code(service.ask("/sign-in/saml")) == (404, "not_found")
        assert code(service.ask("/sign-in/saml/metadata")) == (404, "not_found")
        assert code(service.ask("/sign-in/saml/acs", method="POST")) == (404, "not_found")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "the credential identity_saml_metadata is missing"),
        ("no xml", "the credential identity_saml_metadata is no metadata of SAML"),
    ],
)
def test_metadata_that_cannot_be_used_is_said_in_one_line(app: App, text: str, line: str) -> None:
    provider = Idp(server=None, metadata=text)
    environment = app.environment(**configured(app, provider))
    done = app.run_as_is("serve", environment=environment)
    assert (done.code != 0, line in done.err) == (True, True), done.err
    assert len(done.err.strip().splitlines()) == 1
