"""The service behind its own TLS, one for all tests of a worker, and browsers that look at it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from app import schema
from app.access import hashing, passwords
from tests.certificates import certificate
from tests.integration.app.browser import PASSWORD
from tests.integration.app.conftest import QUICK
from tests.integration.app.steps import Steps
from tests.integration.browser.stage import Person, chromium
from tests.integration.postgres import Server
from tests.integration.service import App, Serving

CATALOG = """
[providers.openai]
kind = "openai"
base_url = "http://127.0.0.1:1"
[providers.anthropic]
kind = "anthropic"
base_url = "http://127.0.0.1:1"
[models.large]
deployments = [{ provider = "openai", model = "gpt-large" }]
[models.small]
deployments = [{ provider = "anthropic", model = "claude-<b>small</b>" }]
"""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """The service as a browser reaches it."""

    app: App
    service: Serving
    certificate: Path

    @property
    def base(self) -> str:
        """What its addresses begin with."""
        return f"https://127.0.0.1:{self.service.port}"

    def user(self, role: str = "user", email: str = "") -> str:
        """Make a user with the password of all, and return the email."""
        email = email or f"person{next(_numbers)}@example.org"
        self.app.database.query(
            "INSERT INTO users (email, role, password_hash) VALUES (%s, %s, %s)",
            email, role, _password(),
        )  # fmt: skip
        return email


@cache
def _password() -> str:
    """Return what is kept of the password of all: making it takes long."""
    return hashing.at_rest(passwords.normal(PASSWORD))


@pytest.fixture(name="site", scope="session")
def _site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    own, database = certificate(folder / "tls.pem"), server.create()
    app = App(database, folder, {**QUICK, "llm_catalog": CATALOG, "sign_up": True})
    Steps(database, schema.DIRECTORY, {}).run()
    with app.serve(tls_cert=own, lockout_account=4, lockout_address=10**6) as service:
        yield Site(app, service.ready(), own)
    server.drop(database.name)


@pytest.fixture(name="chrome", scope="session")
def _chrome(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with chromium(tmp_path_factory.mktemp("chrome"), site.certificate) as driver:
        yield Person(driver, site.base)


@pytest.fixture(name="person")
def _person(chrome: Person) -> Iterator[Person]:
    """Return somebody with a browser that knows nothing; a page that breaks its policy fails."""
    chrome.driver.get("about:blank")
    chrome.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chrome.look()
    chrome.complaints()
    yield chrome
    wrong = [line for line in chrome.complaints() if "status of 4" not in line]
    assert not wrong


@pytest.fixture(name="plain")
def _plain(site: Site, tmp_path: Path) -> Iterator[Person]:
    """Return somebody whose browser runs no script."""
    with chromium(tmp_path / "plain", site.certificate, scripts=False) as driver:
        yield Person(driver, site.base)
