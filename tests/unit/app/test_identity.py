"""Other ways to sign in: what is configured, which role follows, and what a browser's flow is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.identity import config, federation, flow, routes
from app.identity.config import Identity, Ldap, Oidc, Saml
from app.identity.flow import BadFlow
from app.settings import Settings, SettingsError
from app.web import words

PEPPER = "0123456789abcdef"
OIDC = Oidc(issuer="https://id.example.org", client_id="dash")


def read(text: str, public_url: str = "https://dash.example.org") -> Identity:
    """Return what a file says."""
    return config.load(Settings(identity=text + "\n", public_url=public_url))


def test_nothing_is_configured_and_nothing_imported_unless_somebody_says_so(
    settings: Settings,
) -> None:
    before = set(sys.modules)
    found = federation.build(settings)
    assert (found.ldap, found.oidc, found.saml, found.ways) == (None, None, None, ())
    new = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not new & {"sansldap", "joserfc", "saml2"}


def test_a_page_offers_the_providers_that_have_pages_of_their_own() -> None:
    whole = Identity(
        ldap=Ldap(host="ldap.example.org", base="dc=x"), oidc=OIDC, saml=Saml(label="Company")
    )
    assert [(way.label, way.url) for way in federation.ways(whole)] == [
        ("OpenID Connect", "/sign-in/oidc"),
        ("Company", "/sign-in/saml"),
    ]


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ([], "user"),
        (["c"], "user"),
        (["a"], "viewer"),
        (["a", "b"], "admin"),
        (["b", "a", "a"], "admin"),
        (["B"], "user"),
    ],
)
def test_the_strongest_role_of_the_groups_counts(groups: list[str], role: str) -> None:
    provider = OIDC.model_copy(update={"roles": {"a": "viewer", "b": "admin"}})
    assert provider.role(groups) == role
    bare = provider.model_copy(update={"default_role": ""})
    assert bare.role(groups) == (None if role == "user" else role)


def test_groups_of_a_directory_are_compared_as_all_write_them() -> None:
    ldap = Ldap(host="x", base="dc=x", roles={"CN=Admins, OU=groups,DC=x": "admin"})
    assert ldap.role(["cn=admins,ou=Groups, dc=x"]) == "admin"
    assert ldap.role(["cn=admins,ou=groups,dc=y"]) == "user"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_password_goes_in_the_clear_on_this_host_alone(host: str) -> None:
    assert Ldap(host=host, base="dc=x", security="none").security == "none"
    with pytest.raises(SettingsError, match=r"ldap\.security: none is for a directory on this"):
        read('[ldap]\nhost = "127.0.0.1.example.org"\nbase = "dc=x"\nsecurity = "none"')


def test_a_provider_that_sends_people_back_needs_an_address() -> None:
    with pytest.raises(SettingsError, match="DASH_APP_PUBLIC_URL is missing"):
        read("[saml]", public_url="")


def test_a_flow_is_one_browsers_and_tells_nothing_of_what_it_stands_for() -> None:
    way, cookie = flow.begin("oidc", PEPPER)
    assert flow.resume("oidc", PEPPER, cookie) == way
    said = {way.secret(what) for what in ("state", "nonce", "verifier", "request", "cookie")}
    assert len(said) == 5
    assert not (said - {way.secret("cookie")}) & set(cookie.split("."))
    assert PEPPER not in repr(way)
    other, _ = flow.begin("oidc", PEPPER)
    assert other.secret("state") != way.secret("state")


@pytest.mark.parametrize("cookie", ["", ".", "a.1.b", "x" * 5000, "é.9999999999.é"])
def test_a_cookie_that_we_did_not_sign_is_no_flow(cookie: str) -> None:
    with pytest.raises(BadFlow):
        flow.resume("oidc", PEPPER, cookie)


def test_a_flow_is_of_one_provider_one_pepper_and_ten_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, cookie = flow.begin("oidc", PEPPER)
    for provider, pepper in (("saml", PEPPER), ("oidc", "another pepper here")):
        with pytest.raises(BadFlow):
            flow.resume(provider, pepper, cookie)
    now = flow.time.time()
    monkeypatch.setattr(flow.time, "time", lambda: now + flow.SECONDS + 1)
    with pytest.raises(BadFlow):
        flow.resume("oidc", PEPPER, cookie)


def test_a_provider_without_its_secret_keeps_the_service_from_starting() -> None:
    settings = Settings(
        identity='[oidc]\nissuer = "https://id.example.org"\nclient_id = "dash"\n',
        public_url="https://dash.example.org",
        key_pepper=SecretStr(PEPPER),
    )
    with pytest.raises(SettingsError, match="the credential identity_oidc_secret is missing"):
        federation.build(settings)


def test_what_fails_on_the_way_back_leads_to_the_page() -> None:
    answer = routes._failed(BadFlow())
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?error=bad_flow")


def test_the_page_has_words_for_every_code_that_the_operators_page_names() -> None:
    page = Path("docs/operations/identity.md").read_text("utf-8").split("## What people see")[1]
    rows = re.findall(r"(?m)^\| (`[a-z_`, ]+) \|", page)
    codes = {code for row in rows for code in re.findall("[a-z_]+", row)}
    assert {"bad_flow", "no_role"} <= codes
    assert codes <= words.REFUSED.keys()
