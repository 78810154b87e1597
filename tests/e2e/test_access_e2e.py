"""People sign in and use keys through the edge, over restarts and a switch of the colour."""

from __future__ import annotations

import copy
import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.client import Answer, Browser
from tests.e2e.driver import Lab, inside, wait_for

pytestmark = pytest.mark.lab
COLORS = ("blue", "green")
PASSWORD = "a heron under seven bridges"  # pragma: allowlist secret
REVOKED_WITHIN = 1.0  # seconds, in every process
ELSEWHERE = "203.0.113.9"  # an address of nobody, for documentation


ADDRESSES = ("https", "preview")  # the colour that serves, and the other one
EVERYWHERE = dict.fromkeys(COLORS, 200)
NOWHERE = dict.fromkeys(COLORS, 401)
SMUGGLED = {"X-Forwarded-For": ELSEWHERE, "Forwarded": f"for={ELSEWHERE}"}
MAIN_PID = ("systemctl", "show", "--property", "MainPID", "--value", "dash-app")
# From inside a host, which trusts no name of the edge: what is asked here is the address alone.
POST = """
import json, ssl, urllib.error, urllib.request
headers = {{"Content-Type": "application/json", **{headers!r}}}
request = urllib.request.Request("{url}/v1/sessions", json.dumps({body!r}).encode(), headers)
try:
    print(urllib.request.urlopen(request, context=ssl._create_unverified_context()).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@dataclass
class Person:
    """Somebody with an account, signed in; `secrets` is what nobody else may ever see."""

    email: str
    browser: Browser
    urls: dict[str, str]
    secrets: list[str]

    @property
    def user_id(self) -> str:
        """Who the session is of."""
        return str(self.browser.send("GET", "/v1/me").document["user"]["id"])

    def sign_in(self, browser: Browser) -> Answer:
        """Sign in with a browser and note what it was given."""
        answer = browser.sign_in(self.email, PASSWORD)
        self.secrets += [browser.csrf, *(c.value for c in browser.cookies.values())]
        return answer

    def key(self) -> tuple[str, str]:
        """Make a key; return its id and the whole of it."""
        made = self.browser.send("POST", "/v1/keys", {"name": "of a test", "permissions": []})
        assert made.status == 201, made.body
        whole = str(made.document["key"])
        self.secrets.append(whole.partition("_")[2].partition("_")[2])
        return str(made.document["id"]), whole

    def me(self, key: str, at: str = "https") -> Answer:
        """Ask who a key is of, without a cookie."""
        stranger, headers = Browser(self.urls[at], self.browser.ca), bearer(key)
        return stranger.send("GET", "/v1/me", headers=headers)

    def with_key(self, key: str) -> dict[str, int]:
        """Ask both colours, each at its own address; status by colour."""
        return {a.color: a.status for a in (self.me(key, at) for at in ADDRESSES)}

    def with_session(self, browser: Browser | None = None) -> dict[str, int]:
        """Ask both colours with a browser's cookie; status by colour."""
        who = browser or self.browser
        answers = [who.send("GET", "/v1/me", url=self.urls[at]) for at in ADDRESSES]
        return {a.color: a.status for a in answers}

    def audit(self) -> list[dict[str, Any]]:
        """Return what the audit log says of this person and their keys, newest first."""
        answer, me = self.browser.send("GET", "/v1/audit?limit=100"), f"user:{self.user_id}"
        assert answer.status == 200, answer.body
        return [r for r in answer.document["entries"] if me in (r["actor"], r["target"])]


def bearer(key: str) -> dict[str, str]:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


LINK = re.compile(r"(https://\S+)/reset#([\w-]{43})")


@pytest.fixture(name="hosts", scope="module")
def _hosts(lab: Lab, artifacts: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Have a release on either colour; return the hosts by name."""
    outputs = lab.outputs()
    other = Browser(outputs["urls"]["preview"], lab.directory / "ca.pem")
    if other.send("GET", "/readyz").status != 200:
        lab.ok("deploy", "--artifact", artifacts["second"]["path"], "--watch", "3", "--force")
    return {host["name"]: host for host in outputs["hosts"]}


@pytest.fixture(name="person", scope="module")
def _person(lab: Lab, hosts: dict[str, dict[str, str]]) -> Person:
    """Make a person as an operator does: an account, and a link with which they set a password."""
    assert sum(name.startswith("app-") for name in hosts) == len(COLORS)  # a process a colour
    email = f"{uuid.uuid4().hex[:8]}@example.org"
    lab.ok("user", "create", "--email", email, "--role", "operator")
    link = LINK.search(lab.ok("user", "password-link", "--email", email).output)
    urls = lab.outputs()["urls"]
    assert link is not None
    assert link[1] == urls["https"]
    browser = Browser(urls["https"], lab.directory / "ca.pem")
    body = {"token": link[2], "password": PASSWORD}
    assert browser.send("POST", "/v1/password-resets/confirm", body).status == 204
    assert browser.send("POST", "/v1/password-resets/confirm", body).status == 403  # it opens once
    person = Person(email, browser, urls, [link[2], PASSWORD])
    assert person.sign_in(browser).status == 201
    return person


def ready(person: Person) -> bool:
    """Tell whether both colours are ready, each at its own address."""
    answers = [person.browser.send("GET", "/readyz", url=person.urls[at]) for at in ADDRESSES]
    return [answer.status for answer in answers] == [200, 200]


@pytest.mark.usefixtures("hosts")
def test_somebody_signs_up_and_uses_a_key(lab: Lab) -> None:
    """The lab lets people sign up: it listens on loopback alone."""
    urls, email = lab.outputs()["urls"], f"{uuid.uuid4().hex[:8]}@example.org"
    browser = Browser(urls["https"], lab.directory / "ca.pem")
    wish = {"email": email, "password": PASSWORD}
    assert browser.send("POST", "/v1/users", wish).status == 201
    person = Person(email, browser, urls, [PASSWORD])
    assert person.sign_in(browser).status == 201
    public_id, key = person.key()
    assert person.with_key(key) == EVERYWHERE
    lab.ok("key", "revoke", public_id)
    assert wait_for(lambda: person.with_key(key) == NOWHERE, 10, every=0.01)


def test_key_and_session_outlive_a_restart_of_every_process(
    person: Person, hosts: dict[str, dict[str, str]]
) -> None:
    """What is believed stands in the database alone, not in a process."""
    _, key = person.key()
    before = person.with_key(key), person.with_session()
    for name, host in hosts.items():
        if name.startswith("app-"):
            old = inside(host["container"], *MAIN_PID)
            inside(host["container"], "systemctl", "restart", "dash-app")
            assert inside(host["container"], *MAIN_PID) != old
            assert wait_for(lambda: ready(person), 30, every=0.2)

    assert before == (EVERYWHERE, EVERYWHERE)
    assert (person.with_key(key), person.with_session()) == before


def test_key_and_session_outlive_a_switch_of_the_colour(lab: Lab, person: Person) -> None:
    _, key = person.key()
    first = person.me(key).color
    lab.ok("switch")

    assert person.me(key).color in set(COLORS) - {first}
    assert (person.with_key(key), person.with_session()) == (EVERYWHERE, EVERYWHERE)


def test_a_revoked_key_is_refused_in_every_process_within_a_second(person: Person) -> None:
    public_id, key = person.key()
    assert person.with_key(key) == EVERYWHERE  # and each process remembers it
    assert person.browser.send("DELETE", f"/v1/keys/{public_id}").status == 204
    began = time.monotonic()
    refused = wait_for(lambda: person.with_key(key) == NOWHERE, 10, every=0.01)
    took = time.monotonic() - began

    assert refused
    assert took < REVOKED_WITHIN, f"{took:.3f} s"


def test_signing_out_everywhere_ends_every_session_in_every_process(person: Person) -> None:
    second = Browser(person.browser.url, person.browser.ca)
    assert person.sign_in(second).status == 201
    assert person.with_session(second) == EVERYWHERE
    stolen = [copy.deepcopy(browser) for browser in (second, person.browser)]
    try:
        assert second.send("DELETE", "/v1/sessions").status == 204

        assert not second.cookies  # the answer takes it back
        assert [person.with_session(each) for each in stolen] == [NOWHERE, NOWHERE]
    finally:
        assert person.sign_in(person.browser).status == 201


def test_a_cookie_alone_changes_nothing(person: Person) -> None:
    """A page of another site makes a browser send its cookie, not the token of our pages."""
    without = Browser(person.browser.url, person.browser.ca, person.browser.cookies)
    answer = without.send("POST", "/v1/keys", {"name": "forged", "permissions": []})

    assert (answer.status, answer.document["error"]["code"]) == (403, "csrf")


def test_an_address_is_the_clients_own_whatever_it_says_of_it(
    person: Person, hosts: dict[str, dict[str, str]]
) -> None:
    """Lock-out is by this address: nobody hides behind another, nor shares the edge's."""
    wish = {"email": person.email, "password": "wrong wrong wrong"}  # pragma: allowlist secret
    edges = {h["address"] for name, h in hosts.items() if name.startswith("edge-")}
    assert person.browser.send("POST", "/v1/sessions", wish, headers=SMUGGLED).status == 401
    program = POST.format(url=f"https://{hosts['edge-1']['address']}", body=wish, headers=SMUGGLED)
    assert inside(hosts["db-1"]["container"], "python3", "-c", program).split() == ["401"]
    from_db, from_here = [row["address"] for row in person.audit() if row["action"] == "sign_in"][
        :2
    ]

    assert from_db == hosts["db-1"]["address"]
    assert from_here not in edges | {ELSEWHERE, from_db}


def test_the_audit_log_tells_all_of_it_and_no_log_tells_a_secret(
    person: Person, hosts: dict[str, dict[str, str]]
) -> None:
    public_id, key = person.key()
    person.me(key)
    second = Browser(person.browser.url, person.browser.ca)
    signed_in = person.sign_in(second)
    assert person.browser.send("DELETE", f"/v1/keys/{public_id}").status == 204
    assert second.send("DELETE", "/v1/sessions/current").status == 204
    rows = person.audit()
    logs = "".join(
        inside(h["container"], "journalctl", "-o", "cat", "--since", "-15min")
        for h in hosts.values()
    )

    me = f"user:{person.user_id}"
    told = iter([(row["actor"], row["action"], row["outcome"]) for row in reversed(rows)])
    for each in (
        ("operator", "password_link", "ok"),
        (me, "password_reset", "ok"),
        (me, "key_make", "ok"),
        (me, "sign_in", "ok"),
        (me, "key_revoke", "ok"),
        (me, "sign_out", "ok"),
    ):
        assert each in told, (each, rows)  # in this order: what is asked for is used up
    assert signed_in.headers["x-request-id"] in logs  # what is not there would be seen
    for secret in person.secrets:
        assert secret not in json.dumps(rows)
        assert secret not in logs
