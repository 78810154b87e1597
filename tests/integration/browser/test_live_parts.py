"""The front page follows what happens, without a reload."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from tests.integration.app.browser import PASSWORD
from tests.integration.browser.conftest import Site
from tests.integration.browser.stage import Person

EVIL = "<img src=x onerror=alert(1)>"
LARGE = "openai/gpt-large"


def state(person: Person, deployment: str) -> str:
    """Return what the page says of a breaker."""
    return person.find(f"[data-id='{deployment}'] [data-f=state]").text


@contextmanager
def connected(site: Site, key: str, name: str, *capabilities: str) -> Iterator[None]:
    """Have an agent connected for as long as the block lasts."""
    loop, up = asyncio.new_event_loop(), threading.Event()
    done = asyncio.Event()

    async def stay() -> None:
        headers = {"Authorization": f"Bearer {key}"}
        register: dict[str, Any] = {
            "type": "register", "name": name, "capabilities": list(capabilities),
        }  # fmt: skip
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(
                f"{site.base}/ws", protocols=["dash.v1"], ssl=site.service.tls or False
            ) as socket,
        ):
            await socket.send_json(register)
            assert (await socket.receive_json())["type"] == "registered"
            up.set()
            await done.wait()
        await asyncio.sleep(0.25)  # aiohttp closes what speaks TLS a little after its session

    thread = threading.Thread(target=loop.run_until_complete, args=(stay(),))
    thread.start()
    try:
        assert up.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def test_an_agent_that_comes_and_goes_is_seen_and_told(site: Site, person: Person) -> None:
    email = site.user()
    key = site.app.key(email, permissions=["agents:connect"])
    person.sign_in(email, PASSWORD)
    assert "No agent is known" in person.words
    page = person.find("html")
    with connected(site, key, "night-shift", EVIL, "sums"):
        person.until(lambda: person.all("#agents .row"))
        said = person.find("#agents .row").text
        for words in ("night-shift", "online", email, "0 messages", f"{EVIL}, sums"):
            assert words in said
        assert person.find("#agents [data-f=color]").text == "blue"
        assert person.all("img") == []
        assert "1 of 1 agents online." in str(person.find("#live").get_property("textContent"))
        person.shoot("overview-agents")
    person.until(lambda: person.find("#agents [data-f=state]").text == "offline")
    assert "0 of 1 agents online." in str(person.find("#live").get_property("textContent"))
    assert person.find("html") == page
    assert f"{EVIL}, sums" in person.go("/").find("#agents .row").text
    assert person.all("img") == []


def test_people_see_their_own_agents_and_operators_everybodys(site: Site, person: Person) -> None:
    ann, bob = site.user(), site.user("operator")
    key = site.app.key(ann, permissions=["agents:connect"])
    with connected(site, key, "of-ann"):
        person.sign_in(site.user(), PASSWORD)
        person.until(lambda: person.find("#fresh").text.startswith("Live"))
        assert "of-ann" not in person.words
        person.press("Sign out").sign_in(bob, PASSWORD)
        assert "of-ann" in person.words
        person.until(lambda: person.find("#fresh").text.startswith("Live"))
        assert "of-ann" in person.words


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
