"""Agents that come in with a session: only from the service's own page, while it lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.app.agents import PROTOCOL, Agent
from tests.integration.app.browser import COOKIE, Browser, sign_up
from tests.integration.app.test_agent_endings import refusal
from tests.integration.service import App, Serving


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    """Return the service, where anybody may sign up."""
    with app.serve(sign_up=True) as serving:
        yield serving.ready()


@pytest.fixture(name="ann")
def _ann(service: Serving) -> Browser:
    """Return a browser in which ann is signed in."""
    assert sign_up(service).status == 201
    browser = Browser(service)
    assert browser.sign_in().status == 201
    return browser


def headers(ann: Browser, origin: str = "") -> dict[str, str]:
    """Return what a browser sends, from a page of an origin when it says one."""
    said = {"Cookie": f"{COOKIE}={ann.token}"}
    return said | ({"Origin": origin} if origin else {})


async def test_a_cookie_opens_nothing_for_other_sites_pages(ann: Browser, service: Serving) -> None:
    own = f"http://127.0.0.1:{service.port}"
    assert await refusal(service, headers(ann), PROTOCOL) == (403, "cross_site")
    for origin in ("https://evil.example", "null", f"{own}.evil.example"):
        assert await refusal(service, headers(ann, origin), PROTOCOL) == (403, "cross_site")
    async with Agent("page", headers=headers(ann, own)) as agent:
        await agent.connect(service)
        assert agent.closed is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("DELETE FROM sessions", "signed_out"),
        ("UPDATE users SET is_active = false", "revoked"),
        ("UPDATE users SET role = 'viewer'", "forbidden"),
    ],
)
async def test_a_session_that_is_over_ends_its_sockets_within_a_second(
    app: App, ann: Browser, service: Serving, change: str, word: str
) -> None:
    own = f"http://127.0.0.1:{service.port}"
    async with Agent("page", headers=headers(ann, own)) as agent:
        await agent.connect(service)
        app.database.query(change)
        changed = time.monotonic()
        assert await agent.ended() == (4003, word)
        assert time.monotonic() - changed < 1
