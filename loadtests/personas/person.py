"""Somebody at the page: signs in with a password, keeps cookies, reads pages, signs out again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from locust import task

from loadtests.personas.visitor import Visitor

if TYPE_CHECKING:
    from locust.contrib.fasthttp import ResponseContextManager

PAGES = ("/", "/keys", "/sessions", "/password")
TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')
VISIT = 20  # pages that are read, on average, until somebody signs out
ACCEPT = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Person(Visitor):
    """Reads a page every few seconds; one in twenty times signs out and in again."""

    persona = "person"

    def on_start(self) -> None:
        """Sign in, as people do who begin."""
        self.sign_in()

    @task(VISIT)
    def read(self) -> None:
        """Read a page that is for who is signed in."""
        path = self.world.random.choice(PAGES)
        self.ask("GET", path, headers=ACCEPT, wrong=_not_in, allow_redirects=False)

    @task(1)
    def come_again(self) -> None:
        """Sign out with the page's own form, and in again."""
        page = self.ask("GET", "/", headers=ACCEPT, wrong=_not_in, allow_redirects=False)
        self._post("/sign-out", page, {})
        self.sign_in()

    def sign_in(self) -> None:
        """Open the form, and send it with the password."""
        self.client.cookiejar.clear()
        page = self.ask("GET", "/sign-in", headers=ACCEPT, wrong=_no_form)
        who = self.world.accounts
        self._post(
            "/sign-in", page, {"email": who.emails[0], "password": who.password, "next": "/"}
        )

    def _post(self, path: str, page: ResponseContextManager, fields: dict[str, str]) -> None:
        """Send a form of a page with its token; a good answer leads on."""
        found = TOKEN.search(page.text or "")
        body = urlencode({"csrf_token": found[1] if found else "", **fields})
        headers = {**ACCEPT, **FORM, "Origin": str(self.host)}
        self.ask("POST", path, data=body, headers=headers, want=303, allow_redirects=False)


def _not_in(answer: ResponseContextManager) -> str:
    return "" if "/sign-out" in (answer.text or "") else "a page of who is not signed in"


def _no_form(answer: ResponseContextManager) -> str:
    return "" if TOKEN.search(answer.text or "") else "no form in it"
