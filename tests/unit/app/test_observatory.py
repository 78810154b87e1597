"""The score of our headers by the published rules of the MDN HTTP Observatory, worked out offline.

Points by https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring: a test takes
points away or adds some; what is added counts when 90 are left without it. Only what our answers
can show is worked out; redirection and TLS belong to the edge.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.main import create_app
from app.settings import Settings

SIX_MONTHS = 15_768_000
FROM_THE_NET = re.compile(r"(?:src|href)=[\"']?(?:https?:)?//", re.IGNORECASE)
Client = TestClient[web.Request, web.Application]


@pytest.fixture(name="client")
async def _client(settings: Settings) -> AsyncIterator[Client]:
    app = create_app(settings)
    app.cleanup_ctx.clear()
    async with TestClient(TestServer(app)) as client:
        yield client


def policy(headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the directives of the content security policy."""
    parts = [x.split() for x in headers.get("Content-Security-Policy", "").split(";")]
    return {words[0]: words[1:] for words in parts if words}


def of_csp(headers: Mapping[str, str]) -> int:
    """Return the points of the content security policy."""
    csp = policy(headers)
    if not csp:
        return -25
    sources = {
        name: csp.get(name, csp.get("default-src", ["*"]))
        for name in ("script-src", "object-src", "style-src")
    }
    broad = {"*", "https:", "http:", "data:", "'unsafe-inline'", "'unsafe-eval'"}
    if broad & {*sources["script-src"], *sources["object-src"]}:
        return -20
    if broad & {*sources["style-src"]}:
        return 0
    forms = csp.get("form-action", ["*"])
    closed = csp.get("default-src") == ["'none'"] and forms in (["'none'"], ["'self'"])
    return 10 if closed else 5


def of_transport(headers: Mapping[str, str]) -> int:
    """Return the points of HSTS; being on the preload list is not ours to say."""
    found = re.search(r"max-age=(\d+)", headers.get("Strict-Transport-Security", ""))
    if found is None:
        return -20
    return 0 if int(found[1]) >= SIX_MONTHS else -10


def of_framing(headers: Mapping[str, str]) -> int:
    """Return the points of who may frame us."""
    if policy(headers).get("frame-ancestors") in (["'none'"], ["'self'"]):
        return 5
    return 0 if headers.get("X-Frame-Options", "").upper() in {"DENY", "SAMEORIGIN"} else -20


def of_the_rest(headers: Mapping[str, str], text: str) -> list[int]:
    """Return the points of sniffing, referrer, resource policy, CORS, cookies and scripts."""
    private = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
    shut = {"same-origin", "same-site"}
    return [
        0 if headers.get("X-Content-Type-Options") == "nosniff" else -5,
        5 if headers.get("Referrer-Policy") in private else 0,
        10 if headers.get("Cross-Origin-Resource-Policy") in shut else 0,
        -50 if "Access-Control-Allow-Credentials" in headers else 0,
        -40 if "Set-Cookie" in headers and "secure" not in headers["Set-Cookie"].lower() else 0,
        -50 if "<script" in text and FROM_THE_NET.search(text) else 0,
    ]


def score(headers: Mapping[str, str], text: str = "") -> int:
    """Return the score."""
    points = [
        of_csp(headers),
        of_transport(headers),
        of_framing(headers),
        *of_the_rest(headers, text),
    ]
    without = 100 + sum(x for x in points if x < 0)
    return without + (sum(x for x in points if x > 0) if without >= 90 else 0)


PATHS = (
    "/", "/healthz", "/readyz", "/docs", "/docs/style.css", "/openapi.json", "/v1/me", "/reset",
    "/assets/reset.js", "/assets/style.css", "/sign-in",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_every_kind_of_answer_scores_110_or_more(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert score(answer.headers, await answer.text()) >= 110


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 130),
        ({"Content-Security-Policy": "default-src *"}, 80),
        ({"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}, 125),
        ({"Strict-Transport-Security": "max-age=60"}, 120),
        ({"Strict-Transport-Security": ""}, 80),
        ({"X-Content-Type-Options": ""}, 125),
        ({"Referrer-Policy": "unsafe-url"}, 125),
        ({"Cross-Origin-Resource-Policy": ""}, 120),
        ({"Access-Control-Allow-Credentials": "true"}, 50),
        ({"Set-Cookie": "a=b"}, 60),
    ],
)
async def test_the_score_sees_what_is_missing(
    client: Client, change: dict[str, str], expected: int
) -> None:
    headers = {**(await client.get("/healthz")).headers, **change}
    assert score(headers) == expected


async def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing(client: Client) -> None:
    page = await (await client.get("/docs")).text()
    assert not FROM_THE_NET.search(page)
    assert "<script" not in page
    assert "script-src" not in policy((await client.get("/docs")).headers)
    assert not re.search(r"\son\w+=|style=|javascript:", page)
    linked = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert linked == ["/docs/style.css", "/openapi.json"]
    assert [(await client.get(path)).status for path in linked] == [200, 200]


async def test_the_page_names_every_route_with_what_it_needs(client: Client) -> None:
    page = await (await client.get("/docs")).text()
    described = await (await client.get("/openapi.json")).json()
    for path, methods in described["paths"].items():
        for method in methods:
            assert f"<b>{method.upper()}</b> {path}</code>" in page
    assert "Needs a key that may <code>keys:write</code>." in page
    assert "Open to everybody." in page


async def test_the_page_for_a_new_password_runs_its_own_script_and_no_other(client: Client) -> None:
    answer = await client.get("/reset")
    page, csp = await answer.text(), policy(answer.headers)
    loaded = re.findall(r'(?:href|src)="(/assets/[^"?]+)[^"]*"', page)
    names = ("icon.svg", "style.css", "page.js", "reset.js")
    assert loaded == [f"/assets/{name}" for name in names]
    assert not re.search(r'(?:href|src)="(?!/|#)', page)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]
    assert not re.search(r"\son\w+=|style=|javascript:", page)
    assert (csp["default-src"], csp["script-src"]) == (["'none'"], ["'self'"])
    assert (csp["connect-src"], csp["form-action"]) == (["'self'"], ["'self'"])
    assert 'type="password" autocomplete="new-password"' in page
    assert "onpaste" not in page
    for path, kind in (("/assets/style.css", "text/css"), ("/assets/reset.js", "text/javascript")):
        part = await client.get(path)
        assert (part.status, part.content_type) == (200, kind)
        assert not re.search(r"innerHTML|eval\(|https?://", await part.text())
