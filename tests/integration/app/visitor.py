"""A browser without scripts: keeps cookies, follows redirects, sends the forms of pages."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.integration.app.browser import EMAIL, PASSWORD
from tests.integration.service import Answer, Serving

FORM = "application/x-www-form-urlencoded"
ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"
TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')


class Visitor:
    """Somebody who looks at pages."""

    def __init__(self, service: Serving) -> None:
        self.service = service
        self.cookies: dict[str, str] = {}
        self.page = ""

    def send(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str | Sequence[str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request as a browser does; what is shown is the page from then on."""
        said = {"Accept": ACCEPT, **(headers or {})}
        if self.cookies:
            said.setdefault("Cookie", "; ".join(f"{n}={v}" for n, v in self.cookies.items()))
        body = None
        if fields is not None:
            body = urlencode(fields, doseq=True).encode()
            said.setdefault("Content-Type", FORM)
        answer = self.service.ask(path, method=method, body=body, headers=said)
        self._keep(answer)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            self.page = answer.body.decode()
        return answer

    def go(self, path: str) -> Answer:
        """Open a page, and follow to where it leads."""
        return self._followed(self.send("GET", path))

    def post(self, path: str, **fields: str | list[str]) -> Answer:
        """Send a form with the token of the page that is shown, and follow."""
        return self._followed(self.send("POST", path, {"csrf_token": self.token, **fields}))

    @property
    def token(self) -> str:
        """The token of the forms of the page that is shown."""
        found = set(TOKEN.findall(self.page))
        return found.pop() if len(found) == 1 else ""

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, path: str = "/") -> Answer:
        """Sign in through the page."""
        self.go("/sign-in")
        return self.post("/sign-in", email=email, password=password, next=path)

    @property
    def title(self) -> str:
        """The heading of the page that is shown."""
        return html.unescape(re.findall(r"<h1>(.*?)</h1>", self.page)[0])

    @property
    def fault(self) -> str:
        """What the page says is wrong."""
        found = re.findall(r'(?s)role="alert".*?<p>(.*?)</p>', self.page)
        return html.unescape(found[0]) if found else ""

    def _followed(self, answer: Answer) -> Answer:
        for _ in range(5):
            if answer.status != 303:
                return answer
            answer = self.send("GET", answer.headers["Location"])
        raise AssertionError("this leads round in circles")

    def _keep(self, answer: Answer) -> None:
        # One header at most is kept by dict(): no answer of ours sets two cookies.
        found: SimpleCookie = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        for name, morsel in found.items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
