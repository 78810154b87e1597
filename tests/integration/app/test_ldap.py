"""People of a real OpenLDAP server sign in by the same form as everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.app import slapd as directory
from tests.integration.app.browser import EMAIL, Browser, audited
from tests.integration.app.slapd import Slapd, slapd
from tests.integration.service import App, Serving


@pytest.fixture(name="ldap")
def _ldap(tmp_path: Path) -> Iterator[Slapd]:
    with slapd(tmp_path) as server:
        yield server


def configured(app: App, ldap: Slapd, **more: object) -> dict[str, object]:
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


def test_a_person_signs_in_by_email_or_name_and_has_no_password_here(
    app: App, service: Serving
) -> None:
    browser = Browser(service)
    answer = browser.sign_in(EMAIL, directory.PASSWORD)
    assert answer.status == 201, answer.body
    assert answer.document["user"]["role"] == "admin"
    assert Browser(service).sign_in("ANN", directory.PASSWORD).status == 201
    rows = app.database.query("SELECT email, role, password_hash FROM users")
    assert rows == [(EMAIL, "admin", None)]
    assert browser.send("GET", "/v1/me").document["user"]["email"] == EMAIL
    noted = app.database.query("SELECT action, detail->>'provider' FROM audit_log ORDER BY id")
    assert noted == [("user_make", "ldap"), ("sign_in", "ldap"), ("sign_in", "ldap")]
    assert audited(app)[0] == ("user_make", "ok")
