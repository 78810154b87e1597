"""People of a real OpenLDAP server sign in by the same form as everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import certificate
from tests.integration.app import slapd as directory
from tests.integration.app.browser import EMAIL, PASSWORD, Browser, code, sign_up
from tests.integration.app.slapd import ADMINS, BASE, Slapd, slapd
from tests.integration.service import App, Serving

WRONG = (401, "unauthorized")


@pytest.fixture(name="ldap")
def _ldap(tmp_path: Path) -> Iterator[Slapd]:
    with slapd(tmp_path) as server:
        yield server


def configured(app: App, ldap: Slapd, **more: object) -> dict[str, Any]:
    """Return the settings of a service with this directory, and give it the credentials."""
    credentials = app.directory / "credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "identity_ldap_password").write_text(directory.SERVICE_PASSWORD)
    (credentials / "identity_ldap_ca").write_text(ldap.ca)
    return {"identity": ldap.toml(**more), "lockout_account": 50}


@pytest.fixture(name="service")
def _service(app: App, ldap: Slapd) -> Iterator[Serving]:
    with app.serve(sign_up=True, **configured(app, ldap)) as serving:
        yield serving.ready()


def attempt(service: Serving, login: str, password: str = directory.PASSWORD) -> tuple[int, str]:
    """Sign in with a browser of its own; return status, and role or code."""
    answer = Browser(service).sign_in(login, password)
    if answer.status == 201:
        return 201, answer.document["user"]["role"]
    return code(answer)


def test_a_person_signs_in_by_email_or_name_and_has_no_password_here(
    app: App, service: Serving
) -> None:
    browser = Browser(service)
    assert browser.sign_in(EMAIL, directory.PASSWORD).document["user"]["role"] == "admin"
    assert attempt(service, "ANN") == (201, "admin")
    assert app.database.query("SELECT email, role, password_hash FROM users") == [
        (EMAIL, "admin", None)
    ]
    assert browser.send("GET", "/v1/me").document["user"]["email"] == EMAIL
    noted = app.database.query("SELECT action, detail->>'provider' FROM audit_log ORDER BY id")
    assert noted == [("user_make", "ldap"), ("sign_in", "ldap"), ("sign_in", "ldap")]
    assert app.database.query("SELECT subject FROM identities") == [
        ("00000000-0000-4000-8000-000000000001",)
    ]


def test_what_is_wrong_is_answered_as_for_everybody_and_slowed_down(app: App, ldap: Slapd) -> None:
    with app.serve(**configured(app, ldap) | {"lockout_account": 2}) as service:
        service.ready()
        assert [attempt(service, "ann", "wrong"), attempt(service, "nobody", "wrong")] == [
            WRONG
        ] * 2
        assert attempt(service, "ann", "wrong") == WRONG
        assert attempt(service, "ann") == (429, "too_many_attempts")
    assert app.database.query("SELECT count(*) FROM users") == [(0,)]
    assert directory.PASSWORD not in "\n".join(service.lines)


@pytest.mark.parametrize(
    "login", ["*", "a*", "ann)(uid=*", "*)(objectClass=*", "ann\\2a", "(|(uid=ann))", "ann\\00"]
)
def test_a_login_is_a_value_and_never_a_part_of_the_filter(
    service: Serving, ldap: Slapd, login: str
) -> None:
    assert attempt(service, login) == WRONG
    assert b"nentries=1" not in ldap.said().partition(b"slapd starting")[2]


def test_an_empty_or_blank_password_opens_nothing(service: Serving) -> None:
    """A bind with a name and no password succeeds in many a directory: it is anonymous."""
    assert attempt(service, "ann", "")[0] == 422
    for blank in (" ", "\0", "\t"):
        assert attempt(service, "ann", blank) == WRONG


def test_roles_follow_groups_at_each_sign_in_in_every_process(
    app: App, ldap: Slapd, service: Serving
) -> None:
    ann = Browser(service)
    ann.sign_in("ann", directory.PASSWORD)
    assert attempt(service, "bob") == (201, "operator")
    assert attempt(service, "cid") == (201, "user")
    member = f"member: uid=ann,ou=people,{BASE}"
    ldap.change(
        f"dn: {ADMINS}\nchangetype: modify\nadd: member\nmember: uid=cid,ou=people,{BASE}\n-\n"
        f"delete: member\n{member}\n"
    )
    with app.serve(**configured(app, ldap)) as other:
        assert attempt(other.ready(), "cid") == (201, "admin")
        assert attempt(other, "ann") == (201, "operator")
    assert ann.send("GET", "/v1/me").document["user"]["role"] == "operator"
    rows = app.database.query(
        "SELECT actor, detail->>'from', detail->>'to' FROM audit_log WHERE action = 'role_change' "
        "ORDER BY id"
    )
    assert rows == [("ldap", "user", "admin"), ("ldap", "admin", "operator")]


def test_groups_are_searched_where_people_do_not_name_them(app: App, ldap: Slapd) -> None:
    more = {"groups": "title", "group_base": f"ou=groups,{BASE}", "security": "starttls"}
    with app.serve(**configured(app, ldap, port=ldap.port, **more)) as service:
        assert attempt(service.ready(), "bob") == (201, "operator")
        assert attempt(service, "ann") == (201, "admin")
        assert attempt(service, "cid") == (201, "user")
    assert b"TLS established" in ldap.said()


def test_who_is_in_no_group_stays_out_where_the_settings_say_so(app: App, ldap: Slapd) -> None:
    with app.serve(**configured(app, ldap, default_role="")) as service:
        assert attempt(service.ready(), "cid") == (403, "no_role")
        assert attempt(service, "bob") == (201, "operator")
    assert app.database.query("SELECT detail FROM audit_log WHERE outcome = 'refused'") == [
        ({"why": "no_role", "provider": "ldap"},)
    ]


def test_an_account_with_a_password_is_not_taken_over(app: App, service: Serving) -> None:
    assert sign_up(service, EMAIL, PASSWORD).status == 201
    assert attempt(service, "ann") == (409, "email_taken")
    assert attempt(service, EMAIL) == (409, "email_taken")
    assert attempt(service, EMAIL, PASSWORD) == (201, "user")
    assert app.database.query("SELECT count(*) FROM identities") == [(0,)]
    rows = app.database.query("SELECT detail->>'why' FROM audit_log WHERE outcome = 'refused'")
    assert rows == [("email_taken",)] * 2


def test_an_account_is_linked_where_the_settings_allow_it_but_no_administrators(
    app: App, ldap: Slapd
) -> None:
    with app.serve(sign_up=True, **configured(app, ldap, link=True)) as service:
        sign_up(service.ready(), EMAIL, PASSWORD)
        assert attempt(service, "ann") == (201, "admin")
        assert attempt(service, EMAIL, PASSWORD) == (201, "admin")
        sign_up(service, "bob@example.org", PASSWORD)
        app.database.query("UPDATE users SET role = 'admin' WHERE email = 'bob@example.org'")
        assert attempt(service, "bob") == (409, "email_taken")


def test_a_user_whom_an_operator_made_without_a_password_is_theirs(
    app: App, service: Serving
) -> None:
    assert app.run("user", "create", "--email", EMAIL).code == 0
    assert attempt(service, "ann") == (201, "admin")
    assert app.database.query("SELECT count(*) FROM users") == [(1,)]


def test_who_is_deactivated_stays_out(app: App, service: Serving) -> None:
    assert attempt(service, "ann")[0] == 201
    assert app.run("user", "deactivate", "--email", EMAIL).code == 0
    assert attempt(service, "ann") == (403, "deactivated")
    assert app.run("user", "activate", "--email", EMAIL).code == 0
    assert attempt(service, "ann")[0] == 201


def test_nobody_sets_a_password_for_who_has_none_here(app: App, service: Serving) -> None:
    app.run("user", "create", "--email", EMAIL)
    made = app.run("user", "password-link", "--email", EMAIL, "--json").document
    browser = Browser(service)
    browser.sign_in("ann", directory.PASSWORD)
    wish = {"token": made["token"], "password": PASSWORD}
    assert code(browser.send("POST", "/v1/password-resets/confirm", wish)) == (403, "bad_token")
    assert app.run("user", "password-link", "--email", EMAIL).code == 1
    change = {"current": directory.PASSWORD, "new": PASSWORD}
    assert code(browser.send("POST", "/v1/password", change)) == (403, "wrong_password")
    assert browser.send("POST", "/v1/password-resets", {"email": EMAIL}).status == 202
    assert app.database.query("SELECT password_hash FROM users") == [(None,)]


def test_local_people_sign_in_while_the_directory_is_down(
    app: App, ldap: Slapd, service: Serving
) -> None:
    """And a wrong password costs an attempt: else its outage would let anybody guess."""
    sign_up(service, "root@example.org", PASSWORD)
    ldap.stop()
    assert attempt(service, "root@example.org", PASSWORD) == (201, "user")
    before = app.database.query("SELECT sum(failures) FROM sign_in_failures WHERE kind = 'account'")
    for login in ("root@example.org", "ann", "nobody"):
        assert attempt(service, login, "wrong") == (503, "unavailable")
    after = app.database.query("SELECT sum(failures) FROM sign_in_failures WHERE kind = 'account'")
    assert (before, after) == ([(None,)], [(3,)])
    assert service.events("identity.ldap_failed")
    ldap.start()
    assert attempt(service, "ann") == (201, "admin")


def test_a_server_of_another_authority_gets_no_password(
    app: App, ldap: Slapd, tmp_path: Path
) -> None:
    settings = configured(app, ldap)
    other = certificate(tmp_path / "other.pem").read_text().partition("-----BEGIN PRIVATE")[0]
    (app.directory / "credentials" / "identity_ldap_ca").write_text(other)
    with app.serve(**settings) as service:
        assert attempt(service.ready(), "ann") == (503, "unavailable")
        assert "CERTIFICATE_VERIFY_FAILED" in service.events("identity.ldap_failed")[0]["why"]
    assert b"BIND" not in ldap.said()


def test_a_server_without_tls_gets_no_password(app: App, ldap: Slapd) -> None:
    ldap.stop()
    conf = ldap.directory / "slapd.conf"
    text = [x for x in conf.read_text().splitlines() if not x.startswith("TLS")]
    conf.write_text("\n".join(text).replace("simple_bind=1", "simple_bind=0"))
    ldap.start(tls=False)
    more = {"port": ldap.port, "security": "starttls"}
    with app.serve(**configured(app, ldap, **more)) as service:
        assert attempt(service.ready(), "ann") == (503, "unavailable")
        assert "does not start TLS" in service.events("identity.ldap_failed")[0]["why"]
    assert b"BIND" not in ldap.said()


def test_two_people_of_one_name_are_nobody(app: App, ldap: Slapd) -> None:
    ldap.stop()
    twin = directory.person("ann", 77).replace("ou=people", "ou=groups")
    ldap.load(twin)
    ldap.start()
    with app.serve(**configured(app, ldap)) as service:
        assert attempt(service.ready(), "ann") == WRONG
        assert attempt(service, "bob") == (201, "operator")
        assert service.events("identity.ldap_ambiguous")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"security": "none", "host": "ldap.example.org"}, "ldap.security: none is for"),
        ({"filter": "(objectClass=person"}, "ldap.filter is no filter"),
        ({"colour": "blue"}, "ldap.colour: there is no such key"),
        ({"default_role": "root"}, "ldap.default_role: input should be"),
    ],
)
def test_what_cannot_be_configured_is_said_in_one_line(
    app: App, ldap: Slapd, more: dict[str, object], line: str
) -> None:
    done = app.run_as_is("serve", environment=app.environment(**configured(app, ldap, **more)))
    assert done.code != 0
    assert line in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_missing_credential_is_said_in_one_line(app: App, ldap: Slapd) -> None:
    settings = configured(app, ldap)
    (app.directory / "credentials" / "identity_ldap_password").unlink()
    done = app.run_as_is("serve", environment=app.environment(**settings))
    assert "the credential identity_ldap_password is missing" in done.err
