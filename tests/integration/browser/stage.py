"""A real Chromium: Debian's, without a window, that trusts the certificate of the test alone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from selenium.common.exceptions import (
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

SCREENSHOTS = Path(__file__).resolve().parents[3] / ".dash" / "test" / "screenshots"
SIZES = {"desktop": (1280, 860, False), "phone": (390, 844, True), "small": (320, 640, True)}
SECONDS = 10
GONE = "does not belong to the document"  # how Chrome says that the page went meanwhile
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-prefers-reduced-motion",
)  # fmt: skip


def key_of(certificate: Path) -> str:
    """Return what Chromium knows a certificate's key by."""
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    key = made.public_key().public_bytes(serialization.Encoding.DER, form)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


@contextmanager
def chromium(folder: Path, certificate: Path, *, scripts: bool = True) -> Iterator[Chrome]:
    """Yield a browser with an empty profile; without scripts it runs none of any page."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for each in (
        *OPTIONS,
        f"--user-data-dir={folder}",
        f"--ignore-certificate-errors-spki-list={key_of(certificate)}",
    ):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        off = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", off)
    driver = Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        driver.set_page_load_timeout(20)
        yield driver
    finally:
        driver.quit()


class Person:
    """Somebody in front of a browser."""

    def __init__(self, driver: Chrome, base: str) -> None:
        self.driver, self.base = driver, base

    def go(self, path: str) -> Person:
        """Open a page."""
        self.driver.get(f"{self.base}{path}")
        return self

    @property
    def path(self) -> str:
        """Where one is."""
        return self.driver.current_url.removeprefix(self.base)

    def find(self, selector: str) -> WebElement:
        """Return what a selector names."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Return everything that a selector names."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    @property
    def words(self) -> str:
        """What the page says."""
        return self.find("body").text

    @property
    def title(self) -> str:
        """The page's one heading."""
        (heading,) = self.all("h1")
        return heading.text

    def type(self, **fields: str) -> Person:
        """Fill in fields by their names."""
        for name, value in fields.items():
            field = self.find(f"[name={name}]")
            field.clear()
            field.send_keys(value)
        return self

    def press(self, words: str) -> Person:
        """Press the button that begins with words, and wait for the page that follows."""
        (button,) = [x for x in self.all("button") if x.text.startswith(words)]
        before = self.find("html")
        button.click()
        self.until(lambda: self._left(before))
        return self

    def _left(self, before: WebElement) -> bool:
        """Tell whether another page is there, and whole."""
        if self.find("html") == before:
            return False
        return bool(self.all("footer"))

    def sign_in(self, email: str, password: str) -> Person:
        """Sign in as a person does."""
        self.go("/sign-in").type(email=email, password=password).press("Sign in")
        return self

    def until(self, condition: Any, seconds: float = SECONDS) -> None:
        """Wait until something is so."""
        waiting = WebDriverWait(
            self.driver, seconds, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )

        def met(_driver: object) -> Any:
            try:
                return condition()
            except WebDriverException as error:
                if GONE in str(error):  # stale too, though Chrome's driver does not call it that
                    return False
                raise

        try:
            waiting.until(met)
        except TimeoutException:
            raise AssertionError(f"not within {seconds} s: {self.path}: {self.words}") from None

    def look(self, size: str = "desktop", scheme: str = "light") -> None:
        """Have a screen of a size, and like it light or dark."""
        width, height, mobile = SIZES[size]
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile},
        )

    def shoot(self, name: str) -> None:
        """Keep the page as it looks on both screens, in both schemes."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for size in ("desktop", "phone"):
            for scheme in ("light", "dark"):
                self.look(size, scheme)
                made = self.driver.execute_cdp_cmd(
                    "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
                )
                file = SCREENSHOTS / f"{name}-{size}-{scheme}.png"
                file.write_bytes(base64.b64decode(made["data"]))
        self.look()

    def complaints(self) -> list[str]:
        """Return what the browser found wrong with the pages since it was asked: CSP and errors."""
        found: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call] # as selenium has it
        return [str(line["message"]) for line in found if line["level"] == "SEVERE"]
