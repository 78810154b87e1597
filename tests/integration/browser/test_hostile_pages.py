"""What others put into fields, and what other sites make a browser send."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.integration.app.browser import PASSWORD
from tests.integration.browser.conftest import Site
from tests.integration.browser.stage import Person

EVIL = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{1331*1331}}"
ODD = "o'neil&{1331*1331}`x`@example.org"  # as odd as an address may be
FORGED = """<!doctype html><form method="post" action="{action}">{fields}</form>
<script>document.forms[0].submit()</script>"""


@pytest.fixture(name="elsewhere")
def _elsewhere(site: Site) -> Iterator[Any]:
    """Return a site on another port of the same host: cookies go along, as far as they ever do."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Serve the page of the test."""
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()

    def put(action: str, **fields: str) -> str:
        inputs = "".join(f"<input name={n} value='{v}'>" for n, v in fields.items())
        pages["/"] = FORGED.format(action=f"{site.base}{action}", fields=inputs)
        return f"https://127.0.0.1:{server.server_port}/"

    yield put
    server.shutdown()
    server.server_close()
    thread.join()


def unharmed(person: Person) -> None:
    """Hold that nothing of what was put in became a part of the page."""
    assert person.all("img, script:not([src]), b:not([class])") == []
    assert "1771561" not in person.words


def test_what_people_type_stays_text_on_every_page(site: Site, person: Person) -> None:
    email = site.user("admin", ODD)
    agent = {"userAgent": f"Mozilla/5.0 Chrome/1 {EVIL}"}
    was = person.driver.execute_script("return navigator.userAgent")
    person.driver.execute_cdp_cmd("Network.setUserAgentOverride", agent)
    try:
        person.sign_in(email, PASSWORD)
    finally:
        person.driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": was})
    assert person.find(".email").text == ODD
    person.go("/keys").type(name=EVIL).press("Make the key")
    assert person.find("label[for=key]").text == EVIL
    unharmed(person)
    assert EVIL in person.go("/keys").words
    unharmed(person)
    person.find(".rows a").click()
    assert person.title == EVIL
    assert person.driver.title == f"{EVIL} · Dash"
    unharmed(person)
    assert EVIL in person.go("/sessions").words
    unharmed(person)
    detail = json.dumps({EVIL: EVIL})
    site.app.database.query(
        "INSERT INTO audit_log (actor, action, target, address, outcome, detail) "
        "VALUES (%s, %s, %s, %s, 'refused', %s)",
        EVIL, EVIL, EVIL, EVIL, detail,
    )  # fmt: skip
    assert person.go("/audit").words.count("<img src=x onerror=alert(1)>") >= 5
    assert person.all("img, script:not([src])") == []
    assert "claude-<b>small</b>" in person.go("/").words
    person.until(lambda: person.find("#fresh").text != "")
    assert "claude-<b>small</b>" in person.words
    unharmed(person)


def test_what_stands_in_an_address_or_a_refused_form_stays_text(person: Person) -> None:
    person.go("/sign-in?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&done=%3Cimg%20src=x%3E")
    assert person.find("[name=next]").get_property("value") == "/"
    unharmed(person)
    field = person.find("[name=email]")
    person.driver.execute_script("arguments[0].type = 'text'; arguments[0].maxLength = 999;", field)
    person.type(email=EVIL, password="x").press("Sign in")
    assert "Email is not written as it has to be" in person.find("[role=alert]").text
    assert person.find("[name=email]").get_property("value") == EVIL
    assert person.find("[name=email]").get_attribute("aria-invalid") == "true"
    unharmed(person)
    assert person.go("/%3Cscript%3Ealert(1)%3C/script%3E").title == "There is nothing here"
    unharmed(person)


def test_a_form_of_another_site_does_nothing(site: Site, person: Person, elsewhere: Any) -> None:
    email = site.user()
    person.sign_in(email, PASSWORD)
    person.driver.get(elsewhere("/keys", name="stolen", csrf_token="a" * 64))
    person.until(lambda: person.path == "/keys")
    assert (person.title, "page of another site" in person.words) == ("This is not allowed", True)
    assert site.app.database.query("SELECT 1 FROM api_keys WHERE name = 'stolen'") == []
    person.driver.get(elsewhere("/sessions/end"))
    person.until(lambda: person.path == "/sessions/end")
    assert person.go("/").title == "Overview"


def test_no_other_site_signs_anybody_in(site: Site, person: Person, elsewhere: Any) -> None:
    email = site.user()
    person.go("/sign-in")
    person.driver.get(elsewhere("/sign-in", email=email, password=PASSWORD))
    person.until(lambda: person.path == "/sign-in" and person.all("h1"))
    assert person.title == "This is not allowed"
    assert person.go("/").title == "Sign in"


def test_after_signing_out_the_back_button_shows_nothing(site: Site, person: Person) -> None:
    person.sign_in(site.user(), PASSWORD).go("/keys").type(name="secret name").press("Make the key")
    person.go("/keys")
    assert "secret name" in person.words
    person.press("Sign out")
    for _ in range(3):
        person.driver.back()
        person.until(lambda: "secret name" not in person.driver.page_source)
    assert person.go("/keys").title == "Sign in"
