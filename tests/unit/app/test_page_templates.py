"""Every template is rendered: what it is not given is an error, what it is given is text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import UndefinedError

from app.errors import ApiError
from app.identity.federation import Way
from app.web import render

EVIL = "<script>alert(1)</script>\"'&"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
KEY = SimpleNamespace(
    public_id="abcdefghijkl",
    name=EVIL,
    created_at=NOW,
    expires_at=NOW + timedelta(days=36_500),
    last_used_at=None,
    replaced_by=None,
    rate_limit=100,
    permissions=[EVIL],
)
SESSION = SimpleNamespace(
    id="5", user_id="7", email=EVIL, agent=EVIL, address=EVIL, created_at=NOW, last_seen_at=NOW,
    expires_at=NOW, has_password=True,
)  # fmt: skip
ENTRY = SimpleNamespace(
    at=NOW, actor=EVIL, action=EVIL, target=EVIL, address=EVIL, outcome=EVIL, detail={EVIL: EVIL}
)
AGENT = {
    "id": EVIL, "name": EVIL, "color": EVIL, "online": True, "connected_at": NOW,
    "last_seen_at": NOW, "waiting": 3, "capabilities": [EVIL], "owner": EVIL,
}  # fmt: skip
DEPLOYMENT = {
    "deployment": EVIL, "model": EVIL, "provider": EVIL, "state": "open", "since": NOW,
    "next_probe_at": NOW,
}  # fmt: skip
COMMON: dict[str, Any] = {
    "csrf": "c" * 64,
    "done": "",
    "fault": ApiError(422, "invalid", EVIL, param="email"),
    "here": "/keys",
    "links": render.LINKS,
    "session": SESSION,
    "wait": "3 seconds",
}
PAGES: dict[str, dict[str, Any]] = {
    "sign_in.html": {
        "email": EVIL, "to": EVIL, "ways": [Way(label=EVIL, url="/oidc")], "mail": True,
        "directory": False, "refused": EVIL,
        "sign_up": True,
    },
    "sign_up.html": {"email": EVIL, "by_mail": False},
    "forgot.html": {"email": EVIL},
    "mailed.html": {"title": EVIL},
    "problem.html": {"title": EVIL, "request_id": EVIL},
    "reset.html": {},
    "overview.html": {"agents": [AGENT], "deployments": [DEPLOYMENT], "everybody": True},
    "keys.html": {
        "keys": [KEY], "next": EVIL, "write": True, "permissions": {EVIL: EVIL},
        "lives": [(EVIL, EVIL)], "name": EVIL, "chosen": [EVIL], "days": EVIL,
    },
    "key.html": {"key": KEY, "write": True, "overlaps": [(EVIL, EVIL)]},
    "made.html": {"key": KEY, "whole": EVIL, "old": NOW},
    "sessions.html": {"sessions": [SESSION], "next": None, "current": "5"},
    "password.html": {},
    "audit.html": {"entries": [ENTRY], "next": 7},
}  # fmt: skip
PARTS = {"base.html", "parts.html"}  # no pages of their own


def rendered(name: str, **change: Any) -> str:
    """Return a page with the worst that anybody could type."""
    return render.environment().get_template(name).render({**COMMON, **PAGES[name], **change})


def test_every_template_is_tried() -> None:
    assert set(render.environment().list_templates()) == set(PAGES) | PARTS


@pytest.mark.parametrize("name", PAGES)
def test_what_people_type_is_text_in_every_template(name: str) -> None:
    page = rendered(name)
    assert "<script>alert" not in page
    assert re.findall(r"<script[^>]*>([^<]*)<", page) == [""] * page.count("<script")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;" in page
    assert not re.search(r"\son\w+=|\sstyle=|javascript:|<style", page)


@pytest.mark.parametrize("name", PAGES)
def test_every_template_has_one_heading_and_its_landmarks(name: str) -> None:
    page = rendered(name)
    assert [page.count(f"<{tag}") for tag in ("h1", "main", "footer")] == [1, 1, 1]
    assert page.count("<nav") >= 1
    assert 'href="#main"' in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert not re.findall(r'(?:src|href|action)="(?!/|#)', page)


@pytest.mark.parametrize("name", PAGES)
def test_every_form_that_sends_something_has_the_token(name: str) -> None:
    page = rendered(name)
    forms = re.findall(r"(?s)<form(.*?)</form>", page)
    assert forms
    for form in forms:
        assert 'method="post"' in form
        if 'id="reset"' not in form:  # a script sends that one
            assert form.count(f'name="csrf_token" value="{"c" * 64}"') == 1


@pytest.mark.parametrize("name", [name for name, given in PAGES.items() if given])
def test_what_a_template_is_not_given_is_an_error(name: str) -> None:
    for word in PAGES[name]:
        given = {**COMMON, **PAGES[name]}
        del given[word]
        with pytest.raises(UndefinedError):
            render.environment().get_template(name).render(given)


def test_nobody_who_is_not_signed_in_sees_the_navigation() -> None:
    page = rendered("sign_in.html", session=None, links=[], fault=None)
    assert "Sign out" not in page
    assert 'aria-label="Pages"' not in page


def test_where_one_is_is_marked() -> None:
    assert re.findall(r'href="([^"]+)" aria-current="page"', rendered("keys.html")) == ["/keys"]
    within = rendered("key.html", here="/keys/abcdefghijkl")
    assert re.findall(r'href="([^"]+)" class="within"', within) == ["/keys"]


def test_the_ways_to_sign_in_are_offered_as_links() -> None:
    page = rendered("sign_in.html", ways=[Way(label="Log in with Acme", url="/oidc/acme")])
    assert '<a class="button" href="/oidc/acme">Log in with Acme</a>' in page
    assert "organisation" not in rendered("sign_in.html", ways=[])


def test_files_that_pages_load_have_their_content_in_their_address() -> None:
    for name in render.ASSETS:
        assert re.fullmatch(rf"/assets/{re.escape(name)}\?v=[0-9a-f]{{12}}", render.asset(name))
        assert not re.search(r"innerHTML|eval\(|document\.write", render.text(name))
