"""By keyboard alone, without a script, on a phone, with a screen reader, in both schemes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.integration.app.browser import PASSWORD
from tests.integration.browser.conftest import Site
from tests.integration.browser.stage import SIZES, Person

CHECK = (Path(__file__).with_name("check.js")).read_text(encoding="utf-8")
OPEN = ("/sign-in", "/sign-up", "/reset", "/nothing")
OWN = ("/", "/keys", "/sessions", "/password", "/audit")
LONG = "W" * 100


def keys(person: Person, *words: str) -> None:
    """Press keys, wherever the focus is."""
    chain = ActionChains(person.driver)
    for word in words:
        chain.send_keys(word)
    chain.perform()


def to(person: Person, selector: str) -> None:
    """Go on with the tabulator until something has the focus; each stop on the way shows it."""
    wanted = person.find(selector)
    for _ in range(60):
        keys(person, Keys.TAB)
        now = person.driver.switch_to.active_element
        seen = person.driver.execute_script(
            "const s = getComputedStyle(arguments[0]); return [s.outlineStyle, s.outlineWidth]", now
        )
        assert seen == ["solid", "3px"], now.tag_name
        if now == wanted:
            return
    raise AssertionError(f"{selector} cannot be reached with the tabulator")


def test_everything_is_done_by_keyboard_alone(site: Site, person: Person) -> None:
    email = site.user()
    person.go("/sign-in")
    keys(person, email, Keys.TAB, PASSWORD, Keys.ENTER)
    person.until(lambda: person.path == "/")
    keys(person, Keys.TAB)
    assert person.driver.switch_to.active_element.text == "Skip to the content"
    keys(person, Keys.ENTER)
    assert person.driver.switch_to.active_element.tag_name == "main"
    person.go("/")
    to(person, "nav a[href='/keys']")
    keys(person, Keys.ENTER)
    person.until(lambda: person.path == "/keys")
    to(person, "[name=name]")
    keys(person, "by keyboard")
    to(person, "[value='models:read']")
    keys(person, Keys.SPACE)
    to(person, "main form button")
    keys(person, Keys.ENTER)
    person.until(lambda: person.all("#key"))
    key = str(person.find("#key").get_property("value"))
    assert person.driver.switch_to.active_element == person.find("#key")
    assert site.service.ask("/v1/models", key=key).status == 200
    person.go("/keys")
    to(person, ".rows a")
    keys(person, Keys.ENTER)
    person.until(lambda: person.all("button.danger"))
    to(person, "button.danger")
    keys(person, Keys.ENTER)
    person.until(lambda: "The key is revoked" in person.words)
    assert site.service.ask("/v1/models", key=key).status == 401


def test_without_scripts_people_sign_in_see_revoke_and_sign_out(site: Site, plain: Person) -> None:
    plain.sign_in(site.user(), PASSWORD)
    assert plain.title == "Overview"
    assert plain.find("#refresh").is_displayed()
    assert plain.find("#fresh").text == ""
    plain.go("/keys").type(name="by hand").press("Make the key")
    assert not plain.find("[data-copy]").is_displayed()
    key = str(plain.find("#key").get_dom_attribute("value"))
    assert site.service.ask("/v1/me", key=key).status == 200
    plain.go("/keys").find(".rows a").click()
    plain.press("Revoke")
    assert "The key is revoked" in plain.words
    assert site.service.ask("/v1/me", key=key).status == 401
    plain.press("Sign out")
    assert plain.go("/keys").title == "Sign in"
    assert "This page needs JavaScript" in plain.go("/reset").words


@pytest.fixture(name="admin", scope="module")
def _admin(site: Site, chrome: Person) -> Iterator[Person]:
    """Return an admin with long words everywhere."""
    email = site.user("admin", f"{'w' * 60}@{'example.' * 12}org")
    chrome.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chrome.sign_in(email, PASSWORD).go("/keys").type(name=LONG).press("Make the key")
    yield chrome
    chrome.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chrome.look()


def found(person: Person) -> list[str]:
    """Return what the check finds wrong with a page."""
    wrong: list[str] = person.driver.execute_script(CHECK)
    return wrong


@pytest.mark.parametrize("path", [*OWN, *OPEN])
def test_every_page_fits_a_phone_and_can_be_read_by_everybody(admin: Person, path: str) -> None:
    for size in SIZES:
        admin.look(size)
        admin.go(path)
        for scheme in ("light", "dark"):
            admin.look(size, scheme)
            width, inner = admin.driver.execute_script(
                "return [document.documentElement.scrollWidth, innerWidth]"
            )
            assert width <= inner <= SIZES[size][0], (size, path)
            assert found(admin) == [], (size, scheme, path)
    if path in ("/", "/sessions", "/password", "/audit", "/reset", "/nothing"):
        admin.shoot(path.strip("/") or "overview")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("document.querySelector('h1').remove()", "one h1"),
        ("document.querySelector('main').id = 'x'", "skip"),
        ("document.querySelector('label').remove()", "no label"),
        ("document.querySelector('h1').style.color = '#bbb'", "contrast"),
        ("document.querySelector('main button').textContent = ''", "no name"),
        ("document.querySelector('header').remove()", "landmark"),
    ],
)
def test_the_check_of_pages_can_fail(person: Person, harm: str, said: str) -> None:
    person.go("/sign-in")
    assert found(person) == []
    person.driver.execute_script(harm)
    assert any(said in line for line in found(person)), found(person)


def test_with_less_motion_nothing_moves(person: Person) -> None:
    person.go("/sign-in")
    script = "return getComputedStyle(document.querySelector('main button')).transitionDuration"
    assert person.driver.execute_script(script) in ("0s", "")


def test_the_browser_finds_roles_and_names(site: Site, person: Person) -> None:
    """What a screen reader is told comes from the browser's own tree."""
    person.sign_in(site.user(), PASSWORD)
    person.until(lambda: person.find("#live").get_property("textContent") != "")
    tree: Any = person.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})
    roles = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree["nodes"]
        if not node.get("ignored")
    ]
    names = {role for role, _ in roles}
    assert {"banner", "navigation", "main", "contentinfo", "heading", "status"} <= names
    assert ("navigation", "Pages") in roles
    assert ("region", "Providers") in roles
    assert [name for role, name in roles if role == "button"] == ["Sign out"]
