"""What people do every day, in a real browser."""

from __future__ import annotations

from tests.integration.app.browser import PASSWORD
from tests.integration.browser.conftest import Site
from tests.integration.browser.stage import Person

NEW = "nine quiet lanterns at sea"


def test_a_person_makes_a_key_copies_it_uses_it_and_revokes_it(site: Site, person: Person) -> None:
    email = site.user()
    person.go("/keys")
    assert (person.title, person.path) == ("Sign in", "/sign-in?next=/keys")
    person.shoot("sign-in")
    person.type(email=email, password=PASSWORD).press("Sign in")
    assert (person.title, person.path) == ("Keys", "/keys")
    person.shoot("keys-none")
    person.type(name="the printer")
    person.find("[value='models:read']").click()
    person.press("Make the key")
    assert person.title == "Your new key"
    person.shoot("key-made")
    key = str(person.find("#key").get_property("value"))
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    person.driver.execute_cdp_cmd("Browser.grantPermissions", {**permissions, "origin": site.base})
    person.find("[data-copy]").click()
    person.until(lambda: person.find("#copied").text == "Copied.")
    read = "const done = arguments[0]; navigator.clipboard.readText().then(done);"
    assert person.driver.execute_async_script(read) == key
    assert site.service.ask("/v1/models", key=key).status == 200
    person.go("/keys")
    assert key not in person.driver.page_source
    person.shoot("keys")
    person.find(".rows a").click()
    assert person.title == "the printer"
    person.shoot("key")
    person.press("Revoke")
    assert "The key is revoked" in person.words
    person.shoot("key-revoked")
    assert site.service.ask("/v1/models", key=key).status == 401


def test_a_rotated_key_is_followed_by_another(site: Site, person: Person) -> None:
    person.sign_in(site.user(), PASSWORD).go("/keys").type(name="nightly").press("Make the key")
    first = str(person.find("#key").get_property("value"))
    person.go("/keys").find(".rows a").click()
    person.press("Rotate")
    second = str(person.find("#key").get_property("value"))
    assert second.startswith("dash_")
    assert second != first
    assert "The old key ends" in person.words
    assert [site.service.ask("/v1/me", key=key).status for key in (first, second)] == [200, 200]
    person.go("/keys")
    assert [x.text for x in person.all(".rows .tag")] == ["replaced"]


def test_a_person_sees_sessions_and_ends_another(site: Site, person: Person) -> None:
    email = site.user()
    person.sign_in(email, PASSWORD)
    person.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    person.sign_in(email, PASSWORD).go("/sessions")
    assert len(person.all(".row")) == 2
    person.shoot("sessions")
    person.press("End it")
    assert "The session ended" in person.words
    assert [x.text for x in person.all(".rows .tag")] == ["this one"]
    person.press("End all")
    assert (person.title, "You are signed out" in person.words) == ("Sign in", True)
    assert person.go("/sessions").title == "Sign in"


def test_a_changed_password_is_the_one_that_counts(site: Site, person: Person) -> None:
    email = site.user()
    person.sign_in(email, PASSWORD).go("/password").type(current="wrong", new=NEW).press("Change")
    assert "The current password is wrong" in person.find("[role=alert]").text
    person.type(current=PASSWORD, new="password1234").press("Change")
    assert "tried first" in person.find("[role=alert]").text
    person.shoot("password-weak")
    person.type(current=PASSWORD, new=NEW).press("Change")
    assert "Your password is changed" in person.words
    person.press("Sign out")
    assert person.sign_in(email, NEW).title == "Overview"


def test_somebody_signs_up_and_in(site: Site, person: Person) -> None:
    person.go("/sign-in").find("a[href='/sign-up']").click()
    person.shoot("sign-up")
    person.type(email="new@example.org", password=PASSWORD).press("Sign up")
    assert (person.title, "Your account is made" in person.words) == ("Sign in", True)
    assert person.sign_in("new@example.org", PASSWORD).title == "Overview"
    assert site.app.database.query("SELECT 1 FROM users WHERE email = 'new@example.org'") == [(1,)]


def test_who_guesses_is_told_how_long_to_wait(site: Site, person: Person) -> None:
    email = site.user()
    person.sign_in(email, "a wrong one")
    assert "Email or password is wrong" in person.find("[role=alert]").text
    assert person.find("[name=email]").get_property("value") == email
    for _ in range(4):
        person.type(password=PASSWORD[1:]).press("Sign in")
    assert "Too many attempts: wait. Try again in " in person.find("[role=alert]").text
    person.shoot("sign-in-slowed")
