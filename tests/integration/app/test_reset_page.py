"""The page behind a link sets a password, and its script is run as a browser runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.app.browser import EMAIL, Browser, sign_up
from tests.integration.service import App, Serving

NEW = "nine quiet lanterns at sea"
HERE = Path(__file__).parent


@pytest.fixture(name="service")
def _service(app: App) -> Iterator[Serving]:
    with app.serve(sign_up=True, public_url="https://dash.example.org") as serving:
        yield serving.ready()


def opened(service: Serving, tmp_path: Path, fragment: str, *passwords: str) -> list[Any]:
    """Open the page as it is served, type passwords, and return what it shows after each."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node runs the page's script, and is not here")
    script = tmp_path / "script.js"
    script.write_bytes(service.ask("/assets/reset.js").body)
    base = f"http://127.0.0.1:{service.port}"
    done = subprocess.run(
        [node, HERE / "browser.mjs", script, base, fragment, *passwords],
        capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_link_leads_to_the_page_and_the_page_sets_the_password(
    app: App, service: Serving, tmp_path: Path
) -> None:
    sign_up(service)
    made = app.run(
        "user", "password-link", "--email", EMAIL, "--json", public_url="https://dash.example.org"
    ).document
    address, _, token = made["link"].partition("#")
    assert (address, token) == ("https://dash.example.org/reset", made["token"])
    assert service.ask("/reset").status == 200
    first, weak, done, again = opened(service, tmp_path, token, "password1234", NEW, NEW)
    assert (first["shown"], first["said"], first["address"]) == (True, "", "/reset")
    assert (weak["shown"], "tried first" in weak["said"]) == (True, True)
    assert (done["shown"], done["said"].startswith("Your password is set")) == (False, True)
    assert (again["shown"], "used or too old" in again["said"]) == (False, True)
    assert Browser(service).sign_in(password=NEW).status == 201
    assert token not in "\n".join(service.lines)


@pytest.mark.parametrize("fragment", ["", "short", "A" * 44, "<b>" + "A" * 40, "token=" + "A" * 43])
def test_a_link_that_is_not_whole_is_said_and_nothing_is_asked_for(
    service: Serving, tmp_path: Path, fragment: str
) -> None:
    (shown,) = opened(service, tmp_path, fragment)
    assert (shown["shown"], shown["address"]) == (False, "/reset")
    assert shown["said"].startswith("This link is not whole")


def test_an_unknown_link_is_said(service: Serving, tmp_path: Path) -> None:
    _, said = opened(service, tmp_path, "A" * 43, NEW)
    assert (said["shown"], "used or too old" in said["said"]) == (False, True)
