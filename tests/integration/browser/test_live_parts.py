"""The front page follows what happens, without a reload."""

from __future__ import annotations

from tests.integration.app.browser import PASSWORD
from tests.integration.browser.conftest import Site
from tests.integration.browser.stage import Person

LARGE = "openai/gpt-large"


def state(person: Person, deployment: str) -> str:
    """Return what the page says of a breaker."""
    return person.find(f"[data-id='{deployment}'] [data-f=state]").text


def test_a_breaker_that_changes_is_seen_and_told(site: Site, person: Person) -> None:
    person.sign_in(site.user(), PASSWORD)
    assert state(person, LARGE) == "closed"
    person.until(lambda: person.find("#fresh").text.startswith("Live"))
    assert not person.find("#refresh").is_displayed()
    page = person.find("html")
    try:
        assert site.app.run("llm", "open", LARGE).code == 0
        person.until(lambda: state(person, LARGE) == "forced")
        told = str(person.find("#live").get_property("textContent"))
        assert f"Breakers not closed: {LARGE} forced." in told
        assert "UTC" in person.find(f"[data-id='{LARGE}'] [data-f=since]").text
        person.shoot("overview-forced")
    finally:
        assert site.app.run("llm", "close", LARGE).code == 0
    person.until(lambda: state(person, LARGE) == "closed")
    assert person.find("html") == page


def test_a_page_whose_session_ended_shows_no_more(site: Site, person: Person) -> None:
    email = site.user()
    person.sign_in(email, PASSWORD)
    site.app.database.query(
        "DELETE FROM sessions USING users u WHERE u.id = user_id AND u.email = %s", email
    )
    person.until(lambda: person.title == "Sign in")
    assert "Your session is over" in person.words


def test_while_nothing_answers_the_page_says_so_and_asks_less_often(
    site: Site, person: Person
) -> None:
    person.sign_in(site.user(), PASSWORD)
    person.until(lambda: person.find("#fresh").text.startswith("Live"))
    person.driver.execute_cdp_cmd("Network.enable", {})
    blocked = {"urls": ["*/v1/*"]}
    person.driver.execute_cdp_cmd("Network.setBlockedURLs", blocked)
    try:
        person.until(lambda: person.find("#fresh").text == "No answer · trying again in 6 s")
        assert person.find("#refresh").is_displayed()
        person.until(lambda: person.find("#fresh").text == "No answer · trying again in 12 s")
    finally:
        person.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        person.complaints()
